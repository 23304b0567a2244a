{{/* What the standard "restricted" of Pod Security asks for, and a file system that nobody writes to. */}}
{{- define "likewise.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "likewise.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The Secrets that are mounted, each as a folder of /etc/likewise. */}}
{{- define "likewise.secrets" -}}
- {name: cluster, secret: {{ include "likewise.clusterSecret" . }}}
{{- with .Values.auth.tokensSecret }}
- {name: tokens, secret: {{ . }}}
{{- end }}
{{- with .Values.auth.jwksSecret }}
- {name: jwks, secret: {{ . }}}
{{- end }}
{{- with .Values.tls.secret }}
- {name: tls, secret: {{ . }}}
{{- end }}
{{- end }}
