"""How deep JSON may be: what reads it again, or writes it, goes level by level down the stack and has an end."""

MOST_DEPTH = 200
"""Lists and objects within each other: far more than any body has use for, less than the libraries behind this bear."""


def is_deep(value: object) -> bool:
    """Whether a parsed value is deeper than MOST_DEPTH: a walk level by level, without recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
