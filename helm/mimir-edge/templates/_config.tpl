{{/* The settings that follow from the other values, with `config` laid over them. As JSON, which is YAML, because Helm
     would write 20000000 as 2e+07 in YAML. */}}
{{- define "mimir-edge.config" -}}
{{- $judgesInline := ne .Values.mode "ext_authz" -}}
{{- $made := dict
  "listen" (dict "proxy" "0.0.0.0:8080" "grpc" "0.0.0.0:8081" "admin" "0.0.0.0:8082")
  "envoy" (dict "enabled" (ne .Values.mode "inline"))
-}}
{{- $map := include "mimir-edge.overridesMap" . -}}
{{- if $map -}}
{{- $o := .Values.overrides -}}
{{- $own := or $o.tenants $o.edgeTenants -}}
{{- $source := printf "configmap:%s/%s" (include "mimir-edge.overridesNamespace" .) $map -}}
{{- $key := ternary "overrides.yaml" $o.configMap.key (not (empty $own)) -}}
{{- $edgeKey := ternary (ternary "edge-overrides.yaml" "" (not (empty $o.edgeTenants))) $o.configMap.edgeKey (not (empty $own)) -}}
{{- $from := dict "required" true "sources" (list (ternary (printf "%s#%s" $source $key) $source (not (empty $key)))) -}}
{{- if $edgeKey -}}{{- $_ := set $from "edge_sources" (list (printf "%s#%s" $source $edgeKey)) -}}{{- end -}}
{{- if $o.keep -}}{{- $_ := set $from "keep_in" "/var/lib/mimir-edge" -}}{{- end -}}
{{- $_ := set $made "overrides" $from -}}
{{- end -}}
{{- $redis := dict -}}
{{- if .Values.redis.builtIn.enabled -}}
{{- $_ := set $redis "url" (printf "redis://%s:6379" (include "mimir-edge.nameWith" (list . "redis"))) -}}
{{- end -}}
{{- if .Values.redis.passwordSecret.name -}}
{{- $_ := set $redis "password_file" "/etc/mimir-edge/redis/password" -}}
{{- end -}}
{{- if $redis -}}{{- $_ := set $made "state" (dict "redis" $redis) -}}{{- end -}}
{{- /* The names of the Service that the admin API is reached under. */ -}}
{{- $name := include "mimir-edge.nameWith" (list . "admin") -}}
{{- $service := printf "%s.%s" $name .Release.Namespace -}}
{{- $admin := dict "hosts" (list $name $service (printf "%s.svc" $service) (printf "%s.svc.cluster.local" $service)) -}}
{{- if .Values.admin.tokensSecret.name -}}
{{- $_ := set $admin "tokens_file" "/etc/mimir-edge/admin/tokens" -}}
{{- end -}}
{{- $_ := set $made "admin" $admin -}}
{{- $config := mustMergeOverwrite $made (deepCopy .Values.config) -}}
{{- $url := dig "upstream" "url" "" $config -}}
{{- if and $judgesInline (not $url) -}}
{{- fail (printf "config.upstream.url is needed with mode %s: where is Mimir? For example http://mimir-distributor:8080" .Values.mode) -}}
{{- end -}}
{{- if and (not $judgesInline) $url -}}
{{- fail "config.upstream.url has no use with mode ext_authz, where Envoy goes to Mimir itself: take mode both, or leave it out" -}}
{{- end -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{/* The port that a listener has by the settings: (list . "admin"). */}}
{{- define "mimir-edge.port" -}}
{{- $address := dig "listen" (index . 1) "" (fromJson (include "mimir-edge.config" (index . 0))) -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\])" $address -}}
{{- fail (printf "config.listen.%s is %s, which nobody reaches from outside the pod: give it as 0.0.0.0:PORT" (index . 1) $address) -}}
{{- end -}}
{{- regexFind "[0-9]+$" $address -}}
{{- end -}}
