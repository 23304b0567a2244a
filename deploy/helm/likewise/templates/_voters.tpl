{{/*
The nodes that quorum and linearizable requests count on, as the setting wants them; empty for none.
*/}}
{{- define "likewise.voters" -}}
{{- $fullname := include "likewise.fullname" . }}
{{- $replicas := int .Values.replicas }}
{{- if kindIs "slice" .Values.voters }}
{{- $pods := list }}
{{- range until $replicas }}{{ $pods = append $pods (printf "%s-%d" $fullname .) }}{{ end }}
{{- range .Values.voters }}
{{- if not (has . $pods) }}
{{- fail (printf "voters: there is no node %q: the %d nodes are %s" . $replicas (join ", " $pods)) }}
{{- end }}
{{- end }}
{{- join "," .Values.voters }}
{{- else if and (eq .Values.voters "auto") (not .Values.inMemory) }}
{{- $count := min 5 $replicas }}
{{- $count = sub $count (sub 1 (mod $count 2)) }}
{{- $voters := list }}
{{- range until (int $count) }}{{ $voters = append $voters (printf "%s-%d" $fullname .) }}{{ end }}
{{- join "," $voters }}
{{- end }}
{{- end }}

{{/*
Refuses a list that leaves out a majority of the one in force: what that majority has acknowledged might be nowhere
else. What is in force says the cluster; where it can't be asked, as offline, nothing is known and nothing refused.
*/}}
{{- define "likewise.judgeVoters" -}}
{{- $fullname := include "likewise.fullname" . }}
{{- $settings := lookup "v1" "ConfigMap" .Release.Namespace $fullname }}
{{- $before := dig "data" "LIKEWISE_VOTERS" "" (default dict $settings) }}
{{- $after := include "likewise.voters" . }}
{{- if and $before $after }}
{{- $old := splitList "," $before }}
{{- $new := splitList "," $after }}
{{- $kept := list }}
{{- range $old }}{{ if has . $new }}{{ $kept = append $kept . }}{{ end }}{{ end }}
{{- if le (mul 2 (len $kept)) (sub (len $old) 1) }}
{{- fail (printf "voters: from %s to %s leaves out a majority of the voters at a time, and with it what they have acknowledged. Go on with as many nodes as there are, and leave out fewer voters first, by --set 'voters={%s}'; when `likewise members` shows them all, go on" $before $after (join "," (slice $old 0 (int (add 1 (div (len $old) 2)))))) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Refuses settings that don't go together: the node would refuse them too, but only after a pod has been taken down for
it.
*/}}
{{- define "likewise.judgeSettings" -}}
{{- $settings := .Values.settings }}
{{- $voters := include "likewise.voters" . }}
{{- $durability := default "always" (get $settings "durability") }}
{{- if and $voters (ne $durability "always") (not .Values.inMemory) }}
{{- fail (printf "settings.durability: %s could take back what a voter has acknowledged; use always, or voters: none" $durability) }}
{{- end }}
{{- $consistency := default "local" (get $settings "consistency") }}
{{- if and (not $voters) (ne $consistency "local") }}
{{- fail (printf "settings.consistency: %s needs voters; name them, or use local" $consistency) }}
{{- end }}
{{- if and (hasKey $settings "rate-limit-burst") (not (hasKey $settings "rate-limit")) }}
{{- fail "settings.rate-limit-burst: set rate-limit too" }}
{{- end }}
{{- range list "jwt-issuer" "jwt-audience" }}
{{- if and (hasKey $settings .) (not $.Values.auth.jwksSecret) }}
{{- fail (printf "settings.%s: set auth.jwksSecret too, the keys of whoever issues the JWTs" .) }}
{{- end }}
{{- end }}
{{- end }}
