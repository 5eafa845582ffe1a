"""Licences as a hub knows them."""

from collections.abc import Iterable

# The hub's own words; any other licence is `other` there, with its name beside it.
HUB_LICENCES = frozenset(
    [
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-3.0", "cc-by-4.0"),
        *("cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0"),
        *("gpl-3.0", "agpl-3.0", "lgpl-3.0", "llama2", "llama3", "llama3.1", "llama3.2"),
        *("llama3.3", "llama4", "gemma", "openrail"),
    ]
)
# What these ask for is no more than to be named.
PERMISSIVE = frozenset(
    ["apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-3.0", "cc-by-4.0"]
)


def name_licence(licences: Iterable[str]) -> dict[str, str]:
    """Name in a card's header what binds: who asks for more goes before who asks for less."""
    names = list(dict.fromkeys("".join(licence.lower().split()) for licence in licences))
    binding = [name for name in names if name not in PERMISSIVE] or names
    if not binding:
        return {}
    if len(binding) == 1 and binding[0] in HUB_LICENCES:
        return {"license": binding[0]}
    if set(binding) <= PERMISSIVE:
        return {"license": binding[0]}
    return {"license": "other", "license_name": "-and-".join(binding)}
