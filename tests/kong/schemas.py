"""Kong's objects and plugins, with the defaults that Kong has."""

from typing import Any

Body = dict[str, Any]

NAMES = {"services": "name", "routes": "name", "upstreams": "name", "consumers": "username"}
NAMES |= {"targets": "target", "plugins": "instance_name", "keyauth_credentials": "key"}
PARENTS = {"targets": "upstream", "keyauth_credentials": "consumer"}
ACTIVE = {"type": "http", "http_path": "/", "timeout": 1, "concurrency": 10}
HEALTHY = {"interval": 0, "successes": 0, "http_statuses": [200, 302]}
UNHEALTHY = {"interval": 0, "http_failures": 0, "tcp_failures": 0, "timeouts": 0}
UNHEALTHY["http_statuses"] = [429, 404, 500, 501, 502, 503, 504, 505]  # type: ignore[assignment]
PASSIVE = {
    "type": "http",
    "healthy": {"successes": 0, "http_statuses": [200, 201]},
    "unhealthy": {"tcp_failures": 0, "http_failures": 0, "timeouts": 0, "http_statuses": [500]},
}
DEFAULTS: dict[str, Body] = {
    "services": {"host": None, "path": None, "protocol": "http", "port": 80, "retries": 5}
    | {"connect_timeout": 60000, "write_timeout": 60000, "read_timeout": 60000, "enabled": True},
    "routes": {"paths": None, "methods": None, "hosts": None, "headers": None, "service": None}
    | {"protocols": ["http", "https"], "strip_path": True, "preserve_host": False}
    | {"request_buffering": True, "response_buffering": True, "expression": None}
    | {"regex_priority": 0, "https_redirect_status_code": 426, "path_handling": "v0"},
    "upstreams": {"algorithm": "round-robin", "slots": 10000, "hash_on": "none"}
    | {
        "healthchecks": {
            "active": {**ACTIVE, "healthy": HEALTHY, "unhealthy": UNHEALTHY},
            "passive": PASSIVE,
        }
    },
    "targets": {"weight": 100, "upstream": None},
    "plugins": {"config": {}, "enabled": True, "service": None, "route": None, "consumer": None}
    | {"protocols": ["grpc", "grpcs", "http", "https"]},
    "consumers": {"custom_id": None},
    "keyauth_credentials": {"consumer": None, "ttl": None},
}
CONFIGS: dict[str, Body] = {
    "key-auth": {"key_names": ["apikey"], "hide_credentials": False, "key_in_header": True}
    | {"key_in_query": True, "key_in_body": False, "anonymous": None, "run_on_preflight": True},
    "rate-limiting": {"minute": None, "hour": None, "policy": "local", "limit_by": "consumer"}
    | {"fault_tolerant": True, "hide_client_headers": False, "error_code": 429},
    "request-size-limiting": {"allowed_payload_size": 128, "size_unit": "megabytes"}
    | {"require_content_length": False},
    "correlation-id": {"header_name": "Kong-Request-ID", "generator": "uuid#counter"}
    | {"echo_downstream": False},
    "prometheus": {"per_consumer": False, "status_code_metrics": False, "latency_metrics": False}
    | {"bandwidth_metrics": False, "upstream_health_metrics": False},
    "ip-restriction": {"allow": None, "deny": None, "status": 403},
    "request-transformer": {
        part: {"headers": [], "body": [], "querystring": []}
        for part in ("add", "append", "remove", "rename", "replace")
    },
    "response-transformer": {
        part: {"headers": [], "json": []} for part in ("add", "append", "remove", "replace")
    },
}
