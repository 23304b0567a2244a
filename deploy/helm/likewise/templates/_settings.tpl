{{/*
All settings of `likewise serve` that are the same on all nodes, as variables.
*/}}
{{- define "likewise.settings" -}}
{{- $fullname := include "likewise.fullname" . }}
LIKEWISE_HTTP: {{ printf "%s:8080" .Values.bindAddress | quote }}
{{- if .Values.inMemory }}
LIKEWISE_IN_MEMORY: "true"
{{- else }}
LIKEWISE_DATA: /data
{{- end }}
LIKEWISE_CLUSTER_NAME: {{ $fullname }}
LIKEWISE_CLUSTER: {{ printf "%s:9293" .Values.bindAddress | quote }}
LIKEWISE_CLUSTER_KEY_FILE: {{ printf "/etc/likewise/cluster/%s" .Values.cluster.secretKey }}
LIKEWISE_JOIN: {{ $fullname }}-nodes:9293
{{- with include "likewise.voters" . }}
LIKEWISE_VOTERS: {{ . }}
{{- end }}
{{- with .Values.auth }}
{{- if .tokensSecret }}
LIKEWISE_TOKENS_FILE: {{ printf "/etc/likewise/tokens/%s" .tokensKey }}
{{- end }}
{{- if .jwksSecret }}
LIKEWISE_JWKS_FILE: {{ printf "/etc/likewise/jwks/%s" .jwksKey }}
{{- end }}
{{- end }}
{{- if .Values.tls.secret }}
LIKEWISE_TLS_CERTIFICATE_FILE: /etc/likewise/tls/tls.crt
LIKEWISE_TLS_KEY_FILE: /etc/likewise/tls/tls.key
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
{{ printf "LIKEWISE_%s" ($name | upper | replace "-" "_") }}: {{ include "likewise.setting" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A value as text. Numbers come as floats, which would be written as 1e+06. */}}
{{- define "likewise.setting" -}}
{{- if kindIs "slice" . }}{{ join "," . }}
{{- else if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}
{{- else }}{{ . }}
{{- end }}
{{- end }}
