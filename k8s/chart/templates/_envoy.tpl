{{/* The parts of Envoy's configuration that Istio and Envoy Gateway have in common. Each setting has its reason here or in envoy/envoy.yaml. */}}

{{/* What gate and seal are configured with, as JSON. Arguments: root, position, cluster. */}}
{{- define "portcullis.plugin" -}}
{{- $m := .root.Values.mesh -}}
{{- dict "position" .position "audience" $m.audience "log" (dict "name" (regexReplaceAll "/log/[0-9a-f]{32}$" $m.logOrigin "") "origin" $m.logOrigin) "statementKeys" $m.statementKeys "cluster" .cluster | toJson -}}
{{- end }}

{{/* Arguments: root, cluster. */}}
{{- define "portcullis.extAuthz" -}}
"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
transport_api_version: V3
grpc_service:
  # The authority would be the name of the cluster, and one with slashes is not valid.
  envoy_grpc: {cluster_name: {{ .cluster | quote }}, authority: {{ include "portcullis.host" .root }}}
  timeout: {{ .root.Values.filters.timeout }}
failure_mode_allow: false
status_on_error: {code: ServiceUnavailable}
deny_at_disable:
  runtime_key: portcullis.ext_authz.deny_at_disable
  default_value: true
clear_route_cache: false
include_peer_certificate: true
encode_raw_headers: true
validate_mutations: true
decoder_header_mutation_rules:
  disallow_all: true
  allow_expression: {regex: "warrant|warrant-proof|warrant-decision|warrant-receipt|warrant-denial"}
  disallow_is_error: true
# Virtual hosts switch this off, and a route whose policy reads the body sets a limit of its own.
with_request_body: {max_request_bytes: 1, allow_partial_message: false, pack_as_bytes: true}
{{- end }}

{{/* Arguments: root, cluster. */}}
{{- define "portcullis.accessLog" -}}
name: envoy.access_loggers.http_grpc
typed_config:
  "@type": type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
  common_config:
    log_name: portcullis
    transport_api_version: V3
    grpc_service:
      envoy_grpc: {cluster_name: {{ .cluster | quote }}, authority: {{ include "portcullis.host" .root }}}
    buffer_flush_interval: 0.25s
    buffer_size_bytes: 1048576
    filter_state_objects_to_log: [wasm.portcullis.ended]
  additional_request_headers_to_log: [":method"]
  additional_response_headers_to_log: [warrant-denial]
{{- end }}

{{/* Headers that make a framework execute another request than the one that was judged, or that change what Envoy itself does with it. */}}
{{- define "portcullis.headersToRemove" -}}
- x-http-method
- x-http-method-override
- x-method-override
- x-forwarded-method
- x-original-method
- x-original-uri
- x-original-url
- x-original-path
- x-original-host
- x-rewrite-url
- x-override-url
- x-request-uri
- x-script-name
- x-host
- x-http-host-override
- x-forwarded-host
- x-forwarded-server
- x-forwarded-uri
- x-forwarded-path
- x-forwarded-prefix
- forwarded
# With these, a client whose address counts as internal could ask Envoy for retries.
- x-envoy-retry-on
- x-envoy-retry-grpc-on
- x-envoy-max-retries
- x-envoy-retriable-status-codes
- x-envoy-retriable-header-names
- x-envoy-hedge-on-per-try-timeout
- x-envoy-upstream-rq-per-try-timeout-ms
- x-envoy-upstream-rq-timeout-ms
# With these, it could have a timeout reported as 204, or set another bound for its stream.
- x-envoy-upstream-rq-timeout-alt-response
- x-envoy-upstream-stream-duration-ms
{{- end }}

{{/* Removes these headers before anything reads the request: before its route is chosen and before the gate. So what is judged has none of
     them, like what is forwarded, and it also holds for routes that no patch reaches. Virtual hosts remove them once more, against a
     filter that adds one. */}}
{{- define "portcullis.removeEarly" -}}
name: portcullis.remove_headers
typed_config:
  "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
  mutations:
    {{- range fromYamlArray (include "portcullis.headersToRemove" .) }}
    - {remove: {{ . }}}
    {{- end }}
{{- end }}
