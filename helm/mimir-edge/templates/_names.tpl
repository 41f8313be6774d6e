{{- define "mimir-edge.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "mimir-edge.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
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
{{- if $own -}}{{ include "mimir-edge.fullname" . }}-overrides{{- else -}}{{ .Values.overrides.configMap.name }}{{- end -}}
{{- end -}}

{{- define "mimir-edge.overridesNamespace" -}}
{{- $given := ternary .Values.overrides.configMap.namespace "" (not (empty .Values.overrides.configMap.name)) -}}
{{- default .Release.Namespace $given -}}
{{- end -}}
