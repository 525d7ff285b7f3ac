{{/* Names and labels that all templates share. */}}

{{- define "portcullis.name" -}}
{{- if contains "portcullis" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-portcullis" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "portcullis.selector" -}}
app.kubernetes.io/name: portcullis
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "portcullis.labels" -}}
{{ include "portcullis.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* Labels and annotations of what denies when the server is gone: it stays when the release is removed. Helm, Argo CD and Flux each have
     an annotation of their own. Two releases in two namespaces may have one name, so the label says whose filter this is. */}}
{{- define "portcullis.filterMeta" -}}
labels:
  {{- include "portcullis.labels" . | nindent 2 }}
  portcullis.dev/part: filter
  portcullis.dev/server-namespace: {{ .Release.Namespace | quote }}
annotations:
  helm.sh/resource-policy: keep
  argocd.argoproj.io/sync-options: Prune=false,Delete=false
  kustomize.toolkit.fluxcd.io/prune: disabled
{{- end }}

{{/* Selects the filters of this release, and no others. */}}
{{- define "portcullis.filterSelector" -}}
app.kubernetes.io/instance={{ .Release.Name }},portcullis.dev/server-namespace={{ .Release.Namespace }},portcullis.dev/part=filter
{{- end }}

{{/* Labels as kubectl takes them: a=b,c=d. */}}
{{- define "portcullis.asSelector" -}}
{{- $parts := list }}
{{- range $label, $value := . }}{{ $parts = append $parts (printf "%s=%s" $label $value) }}{{ end }}
{{- join "," $parts -}}
{{- end }}

{{- define "portcullis.image" -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- end }}

{{/* The name under which proxies reach the server. */}}
{{- define "portcullis.host" -}}
{{ include "portcullis.name" . }}-proxies.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{/* The identity that the server's certificate must have. */}}
{{- define "portcullis.spiffeId" -}}
{{- if .Values.server.spiffeId }}{{ .Values.server.spiffeId }}{{ else -}}
spiffe://{{ .Values.identity.istio.trustDomain }}/ns/{{ .Release.Namespace }}/sa/{{ include "portcullis.name" . }}
{{- end -}}
{{- end }}

{{/* Where servers get bundles: from the operator, if it signs and nothing else is said. Everything there is signed, so it needs no TLS. */}}
{{- define "portcullis.bundleUrl" -}}
{{- if .Values.server.bundle.url }}{{ .Values.server.bundle.url }}
{{- else if and .Values.operator.enabled .Values.operator.signs -}}
http://{{ include "portcullis.name" . }}-operator.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:8080/bundle/
{{- end -}}
{{- end }}

{{/* Selects the pods of a component. Arguments: root, component. */}}
{{- define "portcullis.pods" -}}
podSelector:
  matchLabels:
    {{- include "portcullis.selector" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* A container that may do nothing but run. */}}
{{- define "portcullis.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "portcullis.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What values.schema.json cannot say. All faults at once. */}}
{{- define "portcullis.check" -}}
{{- $faults := list }}
{{- $v := .Values }}
{{- $hasFilters := or $v.istio.guarded $v.envoyGateway.guarded }}
{{- $module := $v.filters.module }}
{{- if and $hasFilters (not $module.image) (not $module.url) }}
{{- $faults = append $faults "filters.module: name the module of gate and seal: `image` (registry/repository@sha256:…), or `url` and `sha256`" }}
{{- end }}
{{- if and $module.image (or $module.url $module.sha256) }}
{{- $faults = append $faults "filters.module: write either `image`, or `url` and `sha256`" }}
{{- end }}
{{- if ne (empty $module.url) (empty $module.sha256) }}
{{- $faults = append $faults "filters.module: `url` and `sha256` belong together: what is fetched from a URL must be pinned" }}
{{- end }}
{{- if gt (int $v.server.bundle.trust.threshold) (len $v.server.bundle.trust.keys) }}
{{- $faults = append $faults "server.bundle.trust: `threshold` is greater than the number of `keys`: no bundle could ever be signed" }}
{{- end }}
{{- $milliseconds := mulf (trimSuffix "s" $v.filters.timeout | float64) 1000.0 }}
{{- if ge (float64 $v.server.limits.deadlineMilliseconds) $milliseconds }}
{{- $faults = append $faults "filters.timeout must be longer than server.limits.deadlineMilliseconds: otherwise proxies give up before the server answers" }}
{{- end }}
{{- $needsEgress := or $v.server.bundle.url $v.server.candidate.url $v.server.witnesses }}
{{- if and $v.networkPolicy.enabled $needsEgress (not $v.networkPolicy.egress) }}
{{- $faults = append $faults "networkPolicy.egress: bundle.url, candidate.url or witnesses need a rule, because the NetworkPolicy lets nothing else out" }}
{{- end }}
{{- if and $v.istio.guarded (eq $v.identity.kind "files") (not $v.server.spiffeId) }}
{{- $faults = append $faults "server.spiffeId: with `identity.kind: files`, say which SPIFFE ID the server's certificate has; Istio's proxies check it" }}
{{- end }}
{{- if and $v.envoyGateway.guarded (eq $v.identity.kind "files") (not $v.server.spiffeId) }}
{{- $faults = append $faults "server.spiffeId: with `identity.kind: files`, say which SPIFFE ID the server's certificate has; the gateways check it" }}
{{- end }}
{{- if and $v.serviceMonitor.enabled $v.networkPolicy.enabled (not $v.networkPolicy.metrics) }}
{{- $faults = append $faults "networkPolicy.metrics: with serviceMonitor.enabled, say where Prometheus is, because the NetworkPolicy lets nobody else read metrics" }}
{{- end }}
{{- if and $v.server.authority.iss (not $v.api.tlsSecretName) }}
{{- $faults = append $faults "api.tlsSecretName: server.authority needs it, because agents cannot get warrants through a Unix socket in the pod" }}
{{- end }}
{{- range $pod := list "server" "operator" }}
{{- range $metadata := list "podLabels" "podAnnotations" }}
{{- range $key, $_ := index $v $pod $metadata }}
{{- if and (regexMatch "^([a-z0-9-]+\\.)*(istio\\.io|kubernetes\\.io|linkerd\\.io|kuma\\.io|portcullis\\.dev)/" $key) (not (hasPrefix "cluster-autoscaler.kubernetes.io/" $key)) }}
{{- $faults = append $faults (printf "%s.%s: not %s. With such keys a proxy could stand in front of the pod, it could be confined less, or another pod could count as this one" $pod $metadata $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $operator := $v.operator }}
{{- if $operator.enabled }}
{{- if and $operator.webhook.enabled (not $operator.webhook.secretName) }}
{{- $faults = append $faults "operator.webhook.secretName: name the Secret with tls.crt and tls.key for the webhook, or set operator.webhook.enabled to false" }}
{{- end }}
{{- if and $operator.webhook.enabled (eq (empty $operator.webhook.caBundle) (empty $operator.webhook.certManager)) }}
{{- $faults = append $faults "operator.webhook: write either `caBundle` or `certManager`, so that the API server can verify the webhook" }}
{{- end }}
{{- if contains "PRIVATE KEY" (b64dec $operator.webhook.caBundle) }}
{{- $faults = append $faults "operator.webhook.caBundle holds a private key: write certificates only, and replace this key" }}
{{- end }}
{{- if and $v.networkPolicy.enabled (not $operator.networkPolicy.apiServer) }}
{{- $faults = append $faults "operator.networkPolicy.apiServer: say where the API server is, because the NetworkPolicy lets the operator reach nothing else" }}
{{- end }}
{{- if and $v.networkPolicy.enabled $operator.base.url (not $operator.networkPolicy.egress) }}
{{- $faults = append $faults "operator.networkPolicy.egress: base.url needs a rule, because the NetworkPolicy lets nothing else out" }}
{{- end }}
{{- if and $operator.reports.tokenAudience (not $v.api.tlsSecretName) }}
{{- $faults = append $faults "operator.reports: it asks the API for proxies' reports, and that needs api.tlsSecretName" }}
{{- end }}
{{- end }}
{{- /* No pod may get keys that are not its own, and the first ledger is deleted after the first start. */}}
{{- $secrets := list $v.secrets.keys $v.secrets.first }}
{{- if $operator.enabled }}{{ $secrets = concat $secrets (list $v.secrets.base $v.secrets.routes) }}{{ end }}
{{- range compact (list $v.api.tlsSecretName (ternary $operator.webhook.secretName "" $operator.enabled) $v.identity.files.secretName) | uniq }}
{{- $secrets = append $secrets . }}
{{- end }}
{{- if ne (len $secrets) (len ($secrets | uniq)) }}
{{- $faults = append $faults "secrets: `keys`, `first`, `base`, `routes` and the Secrets with certificates are different ones: no pod may get keys that are not its own" }}
{{- end }}
{{- if gt (float64 (trimSuffix "s" $v.filters.maxConnectionDuration)) 86400.0 }}
{{- $faults = append $faults "filters.maxConnectionDuration: at most 86400s. It must be less than what a client's certificate still has when it is renewed" }}
{{- end }}
{{- if and $v.filters.module.pullSecret (not $v.filters.module.image) }}
{{- $faults = append $faults "filters.module.pullSecret belongs to `image`" }}
{{- end }}
{{- if and $v.filters.module.pullSecret (not $v.envoyGateway.guarded) }}
{{- $faults = append $faults "filters.module.pullSecret is for Envoy Gateway. Istio takes no such Secret for an EnvoyFilter: k8s/README.md says what works there" }}
{{- end }}
{{- /* Two EnvoyFilters on one proxy would put every filter there twice. */}}
{{- $guards := dict }}
{{- range $v.istio.guarded }}
{{- $entry := printf "%s/%s" .namespace .name }}
{{- $targets := list }}
{{- if .selector }}{{ $targets = append $targets (dict "selector" .selector) }}{{ end }}
{{- range .targetRefs }}{{ $targets = append $targets . }}{{ end }}
{{- $namespace := .namespace }}
{{- range $targets }}
{{- $key := printf "%s %s" $namespace (toJson .) }}
{{- if ne (get $guards $key | default $entry) $entry }}
{{- $faults = append $faults (printf "istio.guarded: %s and %s name the same workload: write one entry for each" (get $guards $key) $entry) }}
{{- end }}
{{- $_ := set $guards $key $entry }}
{{- end }}
{{- end }}
{{- range $v.envoyGateway.guarded }}
{{- $entry := printf "%s/%s" .namespace .name }}
{{- $key := printf "%s/%s" .namespace .gateway }}
{{- if ne (get $guards $key | default $entry) $entry }}
{{- $faults = append $faults (printf "envoyGateway.guarded: %s and %s name the same Gateway: write one entry for each" (get $guards $key) $entry) }}
{{- end }}
{{- $_ := set $guards $key $entry }}
{{- end }}
{{- range $part := list "istio" "envoyGateway" }}
{{- $seen := dict }}
{{- range (index $v $part).guarded }}
{{- $key := printf "%s/%s" .namespace .name }}
{{- if hasKey $seen $key }}
{{- $faults = append $faults (printf "%s.guarded: %s is there twice" $part $key) }}
{{- end }}
{{- $_ := set $seen $key true }}
{{- end }}
{{- end }}
{{- if $faults }}
{{- fail (printf "\n\nThese values cannot be used:\n- %s\n" (join "\n- " ($faults | uniq))) }}
{{- end }}
{{- end }}

{{/* What stays when the release is removed, as kubectl names it. */}}
{{- define "portcullis.filterKinds" -}}
{{- $kinds := list }}
{{- if .Values.istio.guarded }}{{ $kinds = concat $kinds (list "envoyfilters.networking.istio.io" "authorizationpolicies.security.istio.io") }}{{ end }}
{{- if .Values.envoyGateway.guarded }}{{ $kinds = concat $kinds (list "securitypolicies.gateway.envoyproxy.io" "envoyextensionpolicies.gateway.envoyproxy.io" "envoypatchpolicies.gateway.envoyproxy.io" "backendtlspolicies.gateway.networking.k8s.io" "referencegrants.gateway.networking.k8s.io") }}{{ end }}
{{- join "," $kinds -}}
{{- end }}
