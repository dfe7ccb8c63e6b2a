"""Tags that Azure takes, beside those that the program sets itself.

Names are the same name in any case. https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
The prefixes: https://learn.microsoft.com/rest/api/resources/tags/create-or-update
"""

from __future__ import annotations

import json
import shlex

from program.settings.refusals import refusal

OWN = ("project", "stack", "environment")
"""What the program says of every resource."""
RESERVED = ("azure", "microsoft", "windows")


def checked(tags: dict[str, str]) -> dict[str, str]:
    """The tags, if no two of them are one for Azure and none is somebody else's."""
    seen: dict[str, str] = {}
    for name, text in tags.items():
        folded = name.lower()
        allowed = None
        if folded in OWN:
            allowed = f"names other than {', '.join(OWN)}, which every resource has already"
        elif folded.startswith(RESERVED):
            allowed = f"names that do not begin with {', '.join(RESERVED)} (Azure's own)"
        elif folded in seen:
            allowed = f"each name once, and {json.dumps(seen[folded])} is the same name for Azure"
        if allowed:
            key = f"tags[{json.dumps(name, ensure_ascii=False)}]"
            raise refusal(key, text, allowed, f"pulumi config rm --path {shlex.quote(key)}")
        seen[folded] = name
    return tags
