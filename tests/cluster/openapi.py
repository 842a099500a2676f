"""The part of the OpenAPI 2 document that kubectl reads before a dry run, in its binary form: which
kinds' PATCH takes the parameters dryRun and fieldValidation. Without any schema in it, kubectl
leaves validation to the server.

Field numbers are those of gnostic's OpenAPIv2.proto.
"""


def _field(number, value):
    data = value if isinstance(value, bytes) else value.encode()
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _query_parameter(name):
    # ParametersItem.parameter.non_body_parameter.query_parameter_sub_schema.name
    return _field(1, _field(2, _field(3, _field(4, name))))


def _kind_extension(gv, kind):
    group, _, version = gv.rpartition("/")
    yaml = f'group: "{group}"\nversion: "{version}"\nkind: "{kind}"\n'
    return _field(1, "x-kubernetes-group-version-kind") + _field(2, _field(2, yaml))


def document(apis):
    """The document of {"apps/v1": {"deployments": ("Deployment", True)}, …}."""
    paths = b""
    for gv, kinds in apis.items():
        for plural, (kind, _) in kinds.items():
            operation = b"".join(
                _field(8, _query_parameter(name)) for name in ("dryRun", "fieldValidation")
            )
            operation += _field(13, _kind_extension(gv, kind))
            item = _field(8, operation)  # patch
            paths += _field(2, _field(1, f"/{gv}/{plural}") + _field(2, item))
    return _field(8, paths)
