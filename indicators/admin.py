"""What those who run the site see and do in Django's admin."""

from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator

from indicators.feedback import settle_feedback
from indicators.models import Feedback


@admin.register(Feedback)
class FeedbackAdmin(admin.ModelAdmin):
    """What readers wrote: the newest that nobody has dealt with first. It can only be settled."""

    list_display = ("reference", "at", "status", "page", "indicator", "begins", "email")
    list_filter = ("status", "at", "indicator")
    search_fields = ("reference", "page", "message", "email")
    list_select_related = ("indicator",)
    ordering = ("-at",)
    date_hierarchy = "at"
    actions = ("mark_answered", "mark_closed")
    readonly_fields = (
        "reference",
        "page",
        "indicator",
        "series",
        "message",
        "email",
        "at",
        "status",
        "answered_at",
        "answered_by",
    )

    @admin.display(description="message")
    def begins(self, feedback: Feedback) -> str:
        """Return the first words."""
        return Truncator(feedback.message).chars(90)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only readers write feedback, by its form."""
        return False

    @admin.action(description="Mark as answered", permissions=["change"])
    def mark_answered(self, request: HttpRequest, chosen: QuerySet[Feedback]) -> None:
        """Mark what was chosen as answered."""
        self._settle(request, chosen, Feedback.Status.ANSWERED)

    @admin.action(description="Close without answer", permissions=["change"])
    def mark_closed(self, request: HttpRequest, chosen: QuerySet[Feedback]) -> None:
        """Close what was chosen without an answer."""
        self._settle(request, chosen, Feedback.Status.CLOSED)

    def _settle(
        self, request: HttpRequest, chosen: QuerySet[Feedback], status: Feedback.Status
    ) -> None:
        assert isinstance(request.user, AbstractBaseUser)
        n = settle_feedback(
            ids=list(chosen.values_list("pk", flat=True)),
            status=status,
            by=request.user,
            at=timezone.now(),
        )
        messages.success(request, f"{n} marked as {status.label}.")
