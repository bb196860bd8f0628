"""The pages of roles and scopes, and of what each address asks."""

from __future__ import annotations

from core.http.authentication import OF_EVERY_SOURCE, SCOPES
from middleoffice.access import routes
from middleoffice.documentation.markdown import page, sentence, table
from ops.permissions import GRANTS, OF_DESKS, OF_THE_FIRM, ROLES


def roles() -> str:
    """Return the page of people's rights and clients' scopes."""
    rights = [
        [
            sentence(right.value),
            *("yes" if role in GRANTS[right] else "" for role in ROLES),
            "yes" if right in OF_DESKS else "",
        ]
        for right in GRANTS
    ]
    scopes = [[f"`{name}`", meaning] for name, meaning in SCOPES.items()]
    return page(
        "Roles and scopes",
        "ops/permissions.py and core/http/authentication.py",
        "## Roles of people",
        "A role is a group of the same name. A superuser is an administrator here and nothing more.",
        "Whoever is [limited to desks](../how-to/limit-people-to-desks.md) has of these what the last column names,"
        " and of the records only those of these desks; the others are about the whole firm. The roles "
        + ", ".join(each for each in ROLES if each in OF_THE_FIRM)
        + " see every desk.",
        table(["right", *ROLES, "of some desks"], rights),
        "The maker of a proposal never decides on it, whatever the role.",
        "## Scopes of API clients",
        table(["scope", "what a client may do with it"], scopes),
        "A client may be bound to sources; then it posts and reads trades of these sources only, and cannot use "
        + " and ".join(f"`{scope}`" for scope in SCOPES if scope in OF_EVERY_SOURCE)
        + ", which are about trades of every source.",
        "A client may be [limited to desks](../how-to/limit-people-to-desks.md#limit-a-client-to-desks) too; then it"
        " reads, captures and changes trades in the books of these desks only, and can use no other address than those"
        " that [permissions](permissions.md) name for it.",
    )


def permissions() -> str:
    """Return the page of what each address asks."""
    rows = []
    for route in routes():
        where = f"`/{route.path}`"
        if route.admin:
            continue
        if route.scopes is not None:
            rows += [
                [f"`{method}`", where, f"`{scope}`", "yes" if method in route.of_desks else ""]
                for method, scope in route.scopes.items()
            ]
        else:
            who = sentence(route.open_to) or " or ".join(f"“{right.value}”" for right in route.rights)
            rows.append(["`POST`" if route.form_of else "", where, who, ""])
    return page(
        "Permissions",
        "the views behind every address",
        "What every address asks of whoever calls it: a scope of an API client, a right of a person, or nothing."
        " Which roles have a right stands in [roles and scopes](roles-and-scopes.md). Where no method is named, it"
        " is asked for all of them. An address that asks for nothing must say so: one that does not is a fault"
        " that the tests find, by trying each address with each method as everybody.",
        table(["method", "address", "asks for", "clients limited to desks"], rows),
        "Addresses under `/admin/` ask for a staff account and Django's permission of the table, or a superuser."
        " A method that an address does not have is answered 405.",
    )
