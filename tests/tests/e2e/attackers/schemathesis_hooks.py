"""What JSON Schema cannot say of a body: a whole number is written without a fraction. For JSON Schema `1.0` is an integer too."""

import schemathesis


@schemathesis.hook
def filter_body(context, body):
    return not has_fraction(body)


def has_fraction(value):
    if isinstance(value, dict):
        return any(has_fraction(member) for member in value.values())
    if isinstance(value, list):
        return any(has_fraction(member) for member in value)
    return isinstance(value, float) and value.is_integer()
