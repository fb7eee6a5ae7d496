"""Groups of areas: pasting one, and its page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from areas.groups import (
    CODE,
    LONGEST_MAKER,
    LONGEST_NAME,
    GroupRefused,
    Pasted,
    Unresolved,
    make_group,
    plain_words,
    read_pasted,
)
from areas.hierarchy import successors_of
from areas.models import Area, AreaGroup, AreaType
from areas.search import describe, search
from indicators.insight.comparison import (
    Column,
    comparison,
    group_columns,
    indicators_at,
    places_of,
)
from indicators.insight.groups import Group, benchmark_group
from indicators.limits import too_often
from indicators.models import Indicator
from indicators.presenters import groups as presenter
from indicators.presenters import pages
from indicators.presenters.comparison import heading, series_of
from indicators.presenters.words import long_date, type_name
from indicators.views.compare import MOST_IN_TABLE
from indicators.views.queries import MOST_INDICATORS, SLUG, Refused, shortened

MOST_AN_HOUR = 60
# Questions that one page asks; the rest stay in the list for the next time.
MOST_ASKED = 40
MOST_GUESSED = 8
MOST_PICKS = 4 * MOST_ASKED
TOKEN = re.compile(r"^[A-Za-z0-9_-]{16}$")
EXAMPLE = "E06000002, Hartlepool, Stockton-on-Tees, Darlington"


@dataclass
class Form:
    """What was sent: words, a list, and answers to what was not clear before."""

    name: str = ""
    made_by: str = ""
    text: str = ""
    area_type: str = ""
    keep_ended: bool = False
    leave_out: bool = False
    # Texts still to be answered, and codes that were picked.
    asked_again: list[str] = field(default_factory=list)
    picked: list[str] = field(default_factory=list)


def read_form(request: HttpRequest) -> Form:
    """Read a form that was sent. Nothing is trusted: answers are read as pasted text is."""
    post = request.POST
    form = Form(
        name=post.get("name", "")[: 4 * LONGEST_NAME],
        made_by=post.get("made_by", "")[: 4 * LONGEST_MAKER],
        text=post.get("text", ""),
        area_type=post.get("area_type", "") if SLUG.match(post.get("area_type", "")) else "",
        keep_ended=bool(post.get("keep_ended")),
        leave_out=bool(post.get("leave_out")),
    )
    for i in range(MOST_ASKED):
        answers = post.getlist(f"pick-{i}")[:MOST_PICKS]
        if answers:
            form.picked += [a for a in answers if a]
        elif post.get(f"ask-{i}"):
            form.asked_again.append(post[f"ask-{i}"])
    return form


@require_http_methods(["GET", "HEAD", "POST"])
def groups(request: HttpRequest) -> HttpResponse:
    """Offer a form for a group, and make one; what is not clear is asked first."""
    if request.method != "POST":
        codes = request.GET.get("areas", "")[:20_000].replace(",", "\n")
        return render(request, "groups.html", form_page(request, Form(text=codes)))
    if too_often(request, "groups", MOST_AN_HOUR):
        return Refused(
            "That is a lot of groups",
            f"More than {MOST_AN_HOUR} lists were sent from your address within an hour. Try "
            "again later.",
            429,
        ).page(request)
    form = read_form(request)
    pasted = None
    try:
        if form.area_type and not AreaType.objects.filter(pk=form.area_type).exists():
            form.area_type = ""
        text = "\n".join([form.text, *form.picked, *form.asked_again])
        pasted = read_pasted(text, form.area_type, keep_ended=form.keep_ended)
        if not pasted.unresolved or form.leave_out:
            made = make_group(
                name=form.name,
                made_by=form.made_by,
                area_ids=pasted.area_ids,
                at=timezone.now(),
            )
            # The page of the new group says which ended codes gave way, as nobody was asked.
            was = ",".join(r.text for r in pasted.replaced if CODE.fullmatch(r.text))
            return Redirect(f"/groups/{made.token}/" + (f"?was={was}" if was else ""))
        plain_words(form.name, LONGEST_NAME, "name")
        return render(request, "groups.html", form_page(request, form, pasted), status=422)
    except GroupRefused as refused:
        context = form_page(request, form, pasted, str(refused))
        return render(request, "groups.html", context, status=400)


def form_page(
    request: HttpRequest, form: Form, pasted: Pasted | None = None, refusal: str = ""
) -> dict[str, Any]:
    """Return the context of the form, with what was understood and what is still to be answered."""
    context: dict[str, Any] = {
        "page_title": "Make a group of areas",
        "canonical": request.build_absolute_uri("/groups/"),
        "form": {
            "name": form.name,
            "made_by": form.made_by,
            "text": form.text,
            "keep_ended": form.keep_ended,
            "area_type": form.area_type,
        },
        "types": [
            {"slug": t.slug, "name": t.name_plural}
            for t in AreaType.objects.all()
            if t.slug not in {"uk", "country-group"}
        ],
        "refusal": refusal,
        "example": EXAMPLE,
        "most": {"areas": f"{AreaGroup.MOST:,}", "name": LONGEST_NAME, "made_by": LONGEST_MAKER},
    }
    if pasted is None:
        return context
    by_pk = Area.objects.in_bulk([*pasted.area_ids])
    kinds = {form.area_type} if form.area_type else {a.area_type_id for a in by_pk.values()}
    kind = kinds.pop() if len(kinds) == 1 else ""
    clear = begun(pasted.unresolved[:MOST_ASKED], kind)
    choices = {pk for one in clear for pk in one.choices[:20]}
    described = {f.area.pk: f for f in describe(list(choices), {})} if choices else {}
    lines = [f"{by_pk[pk].code} {by_pk[pk].name}" for pk in pasted.area_ids]
    questions, unknown = [], []
    for one in clear:
        options = [
            presenter.member(described[pk].area, described[pk].parent)
            for pk in one.choices[:20]
            if pk in described
        ]
        if options and one.reason != "other-type":
            questions.append(
                {
                    "text": one.text,
                    "ended": one.reason == "ended",
                    "near": one.reason == "near",
                    "options": options,
                }
            )
        else:
            unknown.append(one)
    lines += [one.text for one in unknown] + [one.text for one in pasted.unresolved[MOST_ASKED:]]
    context["form"]["text"] = "\n".join(lines)
    n = len(pasted.area_ids)
    context["understood"] = "1 area was" if n == 1 else f"{n:,} areas were"
    context["repeated"] = pasted.repeated
    context["replaced"] = [r._asdict() for r in pasted.replaced]
    context["questions"] = [{"n": i, **q} for i, q in enumerate(questions)]
    context["unknown"] = not_taken(unknown, {pk: f.area for pk, f in described.items()})
    context["n_later"] = max(0, len(pasted.unresolved) - MOST_ASKED)
    return context


def begun(unresolved: list[Unresolved], kind: str) -> list[Unresolved]:
    """Return `unresolved` with what search finds for the first few that nothing is called like.

    “Redcar” is too short to be like “Redcar and Cleveland”, which begins so. Of type `kind`, where
    that is known.
    """
    left = MOST_GUESSED
    found = []
    for one in unresolved:
        if one.reason == "unknown" and left:
            left -= 1
            near = [f.area.pk for f in search(one.text, limit=3, kind=kind).found]
            one = Unresolved(one.text, "near", near) if near else one
        found.append(one)
    return found


def not_taken(unknown: list[Unresolved], areas: dict[int, Area]) -> list[dict[str, Any]]:
    """Return what was not taken, and why. `areas` are those that may be meant, by id."""
    found = []
    for one in unknown:
        reason = "was not found"
        if one.reason == "ended":
            reason = "has ended, and nothing is recorded as replacing it"
        elif one.reason == "other-type" and (area := areas.get(one.choices[0])):
            reason = f"is {area.name}, of another type ({type_name(area)}) than you said these are"
        found.append({"text": one.text, "reason": reason})
    return found


@require_safe
def group(request: HttpRequest, token: str) -> HttpResponse:
    """Show a group: what it says of the indicators its members have, and who they are."""
    found = benchmark_group(token) if TOKEN.match(token) else None
    if found is None:
        return Refused(
            "There is no such group",
            f"No group is kept at {shortened(token)}. Check the address you were given: it is "
            "letters and digits, with capitals told apart.",
            404,
            [("Make a group", "/groups/")],
        ).page(request)
    response = render(request, "group.html", group_page(request, found))
    response["X-Robots-Tag"] = "noindex"
    return response


def group_page(request: HttpRequest, found: Group) -> dict[str, Any]:
    """Return the context of a group's page."""
    places = places_of(found.area_ids)
    indicators: list[Indicator] = indicators_at(list(places.editions))[:MOST_INDICATORS]
    result = comparison(places, indicators)
    columns = [c for c in result.columns if c.held.any()]
    readings = group_columns(found, columns)
    figures = []
    for column in columns:
        figure = presenter.group_figure(readings.get(column.indicator.pk), column.indicator)
        figures.append({**heading(column), **figure, "theme": column.indicator.theme.name})
    members = [presenter.member(f.area, f.parent) for f in describe(list(found.area_ids), {})]
    codes = ",".join(m["code"] for m in members)
    head = presenter.group_head(found)
    address = request.build_absolute_uri(found.url)
    shown = {s.pk: s for c in columns for s in series_of(c, result)}
    return {
        "page_title": found.name,
        "canonical": address,
        "permalink": address,
        "as_at": long_date(timezone.localdate()),
        "group": head,
        "replaced": gave_way(request.GET.get("was", ""), found),
        "address": address,
        "figures": figures,
        "members": members,
        "compare_url": f"/compare/?areas={codes}" if len(members) <= MOST_IN_TABLE else "",
        "uses": uses(found, members, columns),
        "again_url": f"/groups/?areas={codes}" if len(codes) <= 5_000 else "",
        "sources": pages.attributions([s.release for s in shown.values()], []),
    }


def gave_way(codes: str, found: Group) -> list[dict[str, str]]:
    """Return the ended codes among `codes` and the member of the group that each became."""
    if not codes:
        return []
    ended = Area.objects.filter(code__in=codes.split(",")[:200], valid_to__isnull=False)
    members = set(found.area_ids)
    became = successors_of([a.pk for a in ended])
    onward = Area.objects.in_bulk([pk for some in became.values() for pk in some if pk in members])
    return [
        {
            "text": f"{a.name} ({a.code})",
            "became": " and ".join(f"{onward[pk].name} ({onward[pk].code})" for pk in here),
        }
        for a in ended
        if (here := [pk for pk in became.get(a.pk, []) if pk in onward])
    ]


def uses(
    found: Group, members: list[dict[str, Any]], columns: list[Column]
) -> list[dict[str, str]]:
    """Return pages that show the group beside other figures: of its first member and figure."""
    pages_of = []
    if members:
        first = members[0]
        pages_of.append((f"the page of {first['name']}", first["url"]))
    if columns:
        indicator = columns[0].indicator
        pages_of.append((indicator.name, f"/indicators/{indicator.slug}/"))
    return [{"label": label, "url": f"{url}?with={found.token}"} for label, url in pages_of]


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form came without its token: an old page, or another site."""
    return Refused(
        "The form is out of date",
        "It was open too long, or cookies are off, or it was sent from another site. Nothing was "
        "kept. Go back, load the page again and send it once more.",
        403,
    ).page(request)
