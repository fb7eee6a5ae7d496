"""What readers say of a page or a figure: writing it down, and saying that it was dealt with."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from indicators.models import Feedback, Indicator, Series

# Letters and digits that are not taken for one another when read out.
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@transaction.atomic
def leave_feedback(
    *,
    page: str,
    indicator: Indicator | None,
    series: Series | None,
    message: str,
    email: str,
    at: datetime,
) -> Feedback:
    """Keep what a reader wrote, and return it with the reference to tell them."""
    return Feedback.objects.create(
        reference="".join(secrets.choice(LETTERS) for _ in range(8)),
        page=page,
        indicator=indicator,
        series=series,
        message=message,
        email=email,
        at=at,
    )


@transaction.atomic
def settle_feedback(
    *, ids: Collection[int], status: Feedback.Status, by: AbstractBaseUser, at: datetime
) -> int:
    """Mark feedback as answered or closed, and return how many changed. What was so stays so."""
    return (
        Feedback.objects.filter(pk__in=ids)
        .exclude(status=status)
        .update(status=status, answered_at=at, answered_by=by)
    )
