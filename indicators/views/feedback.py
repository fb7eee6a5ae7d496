"""“Looks wrong?”: a reader tells those who run the site about a page or a figure."""

from __future__ import annotations

import re
from typing import Any

import structlog
from django import forms
from django.conf import settings
from django.core.mail import mail_admins
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from areas.models import Area
from indicators.feedback import leave_feedback
from indicators.insight.profile import contents, profile
from indicators.limits import too_often
from indicators.models import Feedback, Indicator
from indicators.presenters.words import amount
from indicators.views.queries import SLUG

log = structlog.get_logger("levelup.feedback")
# A page of this site: an address that begins with one stroke, and no other host.
PAGE = re.compile(r"^/(?!/)[A-Za-z0-9/_.,:~%-]*$")
AREA_PAGE = re.compile(r"^/areas/([A-Z0-9]{3,12})/$")
MOST_IN_AN_HOUR = 10
TOO_MANY = (
    "Many messages have come from this connection in the last hour, so this one was not kept. "
    "Your words are below: please send them again later."
)


class FeedbackForm(forms.Form):
    """Message and, if the reader wants an answer, an e-mail address."""

    message = forms.CharField(
        label="What looks wrong?",
        max_length=Feedback.LONGEST,
        widget=forms.Textarea(attrs={"rows": 7, "aria-describedby": "message-help"}),
        error_messages={
            "required": "Write what looks wrong.",
            "max_length": f"Write no more than {Feedback.LONGEST:,} characters.",
        },
    )
    email = forms.EmailField(
        label="Your e-mail address, if you would like an answer",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"invalid": "Write the address as name@example.org, or leave it empty."},
    )
    # People do not see it; programs that fill every field give themselves away.
    website = forms.CharField(required=False, max_length=200)


@require_http_methods(["GET", "HEAD", "POST"])
def feedback(request: HttpRequest) -> HttpResponse:
    """Show the form for a page or a figure, or keep what was written."""
    given = request.POST if request.method == "POST" else request.GET
    page = given.get("about", "")[:300]
    page = page if PAGE.match(page) else "/"
    slug = given.get("figure", "")
    slug = slug if SLUG.match(slug) else ""
    about = what_it_is_about(page, slug)
    form = FeedbackForm(request.POST if request.method == "POST" else None)
    status, problem = 200, ""
    if request.method == "POST":
        status = 400
        if form.is_valid():
            if form.cleaned_data["website"]:
                return redirect("feedback-thanks")
            if too_often(request, "feedback", MOST_IN_AN_HOUR):
                status, problem = 429, TOO_MANY
            else:
                figure = about["figure"]
                kept = leave_feedback(
                    page=page,
                    indicator=figure.indicator if figure else about["indicator"],
                    series=figure.series if figure else None,
                    message=form.cleaned_data["message"],
                    email=form.cleaned_data["email"],
                    at=timezone.now(),
                )
                tell_admins(kept)
                return redirect(f"/feedback/thanks/?reference={kept.reference}&about={page}")
    context: dict[str, Any] = {
        "page_title": "Something looks wrong",
        "form": form,
        "problem": problem,
        "page": page,
        "slug": about["indicator"].slug if about["indicator"] else "",
        "about": about["words"],
        "longest": f"{Feedback.LONGEST:,}",
    }
    response = render(request, "feedback.html", context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
def thanks(request: HttpRequest) -> HttpResponse:
    """Thank a reader, with the reference of what they wrote."""
    reference = request.GET.get("reference", "")
    page = request.GET.get("about", "")
    context = {
        "page_title": "Thank you",
        "reference": reference if re.fullmatch(r"[0-9A-Z]{8}", reference) else "",
        "page": page if PAGE.match(page) else "/",
    }
    return render(request, "feedback_thanks.html", context)


def what_it_is_about(page: str, slug: str) -> dict[str, Any]:
    """Return the indicator and the figure that a page shows now, with words for the form."""
    indicator = Indicator.objects.filter(slug=slug).first() if slug else None
    found = AREA_PAGE.match(page)
    area = Area.objects.select_related("area_type").filter(code=found[1]).first() if found else None
    figure = None
    if indicator and area and any(e.indicator_id == indicator.pk for e in contents()):
        figures = profile(area, indicators=[indicator.pk]).figures
        figure = figures[0] if figures else None
    words = f"The page {page}"
    if area:
        words = area.name
    if indicator:
        words = f"{indicator.name}, {words}"
    if figure and figure.series and figure.reading and figure.reading.value is not None:
        words += f", {figure.series.period.label}: {amount(figure.reading.value, figure.indicator)}"
    return {"indicator": indicator, "figure": figure, "words": words}


def tell_admins(kept: Feedback) -> None:
    """Send it to ADMINS where the settings name any; that it cannot be sent loses nothing."""
    if not settings.ADMINS:
        return
    try:
        mail_admins(
            f"Feedback {kept.reference}",
            f"{kept.page}\n{kept.indicator or ''}\n\n{kept.message}",
        )
    except OSError as error:
        log.warning("feedback_mail", reference=kept.reference, error=str(error))
