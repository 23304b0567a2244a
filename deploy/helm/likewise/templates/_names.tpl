{{/* What things are called. */}}

{{- define "likewise.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" }}
{{- end }}

{{/* Names of pods get a number, and their hashes eleven characters, so there is less room than 63. */}}
{{- define "likewise.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "likewise.selector" -}}
app.kubernetes.io/name: {{ include "likewise.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "likewise.labels" -}}
{{ include "likewise.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "likewise.serviceAccount" -}}
{{- default (ternary (include "likewise.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "likewise.clusterSecret" -}}
{{- default (printf "%s-cluster" (include "likewise.fullname" .)) .Values.cluster.existingSecret }}
{{- end }}

{{- define "likewise.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Meshes and monitors go by the name of a port. */}}
{{- define "likewise.portName" -}}
{{- ternary "https" "http" (not (empty .Values.tls.secret)) }}
{{- end }}

{{/* Of pods of `helm test`: no Service may take them for nodes. */}}
{{- define "likewise.testLabels" -}}
app.kubernetes.io/name: {{ include "likewise.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
