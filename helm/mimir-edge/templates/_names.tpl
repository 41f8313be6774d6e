{{- define "mimir-edge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "mimir-edge.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "mimir-edge.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The full name with an ending, 63 characters at most: (list . "redis"). */}}
{{- define "mimir-edge.nameWith" -}}
{{- $suffix := index . 1 -}}
{{- printf "%s-%s" (include "mimir-edge.fullname" (index . 0) | trunc (int (sub 62 (len $suffix))) | trimSuffix "-") $suffix -}}
{{- end -}}

{{- define "mimir-edge.selector" -}}
app.kubernetes.io/name: {{ include "mimir-edge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "mimir-edge.labels" -}}
{{ include "mimir-edge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "mimir-edge.serviceAccount" -}}
{{- default (ternary (include "mimir-edge.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The ConfigMap that overrides come from: one that is there, or the chart's own. Empty: none. */}}
{{- define "mimir-edge.overridesMap" -}}
{{- $own := or .Values.overrides.tenants .Values.overrides.edgeTenants -}}
{{- if and $own .Values.overrides.configMap.name -}}
{{- fail "overrides.configMap.name and overrides.tenants exclude each other: where do the overrides come from?" -}}
{{- end -}}
{{- if $own -}}{{ include "mimir-edge.nameWith" (list . "overrides") }}{{- else -}}{{ .Values.overrides.configMap.name }}{{- end -}}
{{- end -}}

{{- define "mimir-edge.overridesNamespace" -}}
{{- $given := ternary .Values.overrides.configMap.namespace "" (not (empty .Values.overrides.configMap.name)) -}}
{{- default .Release.Namespace $given -}}
{{- end -}}

{{/* Every ConfigMap that the settings name, by namespace, as JSON: what the pods may read. */}}
{{- define "mimir-edge.configMaps" -}}
{{- $overrides := dig "overrides" (dict) (fromJson (include "mimir-edge.config" .)) -}}
{{- $namespace := .Release.Namespace -}}
{{- $found := dict -}}
{{- range $setting := list "sources" "edge_sources" -}}
{{- $given := dig $setting (list) $overrides -}}
{{- if kindIs "string" $given -}}{{- $given = splitList "," $given -}}{{- end -}}
{{- range $source := $given -}}
{{- $source = trim $source -}}
{{- if hasPrefix "configmap:" $source -}}
{{- $path := splitList "/" (first (splitList "#" (trimPrefix "configmap:" $source))) -}}
{{- $of := ternary (first $path) $namespace (gt (len $path) 1) -}}
{{- $_ := set $found $of (append (dig $of (list) $found) (last $path) | uniq) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}
