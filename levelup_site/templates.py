"""How the templates of pages are read: Jinja2, set up for the plain dicts that presenters give.

Pages are in `templates/`. Those that belong to Django's admin are in Django's own language, in the
folder of their app.
"""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import capfirst, pluralize
from django.templatetags.static import static
from django.utils.html import json_script
from jinja2 import ChainableUndefined, Environment


class PageEnvironment(Environment):
    """Jinja2, where `row.values` of a dict is its item and never its method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an item of a dict or an attribute of anything else; what is not there is empty."""
        if isinstance(obj, dict):
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def environment(**options: Any) -> Environment:
    """Return the environment that Django's Jinja2 backend asks for.

    What a page may lack (a group, a map) is passed over, as in Django's own templates.
    """
    found = PageEnvironment(**options | {"undefined": ChainableUndefined})
    found.globals["static"] = static
    found.filters |= {
        "capfirst": capfirst,
        "intcomma": intcomma,
        "json_script": json_script,
        "pluralize": pluralize,
    }
    return found
