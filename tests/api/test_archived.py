"""What is archived is said to be, through every address that could be asked for it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from indicators.models import Series
from indicators.releases import archive
from tests.api.conftest import SIXTEEN
from tests.conftest import NOON, shares

pytestmark = pytest.mark.django_db


def test_an_archived_past_is_a_problem_and_never_nothing(
    live, put_live, client, ask, settings, tmp_path
):
    settings.MEDIA_ROOT = Path(tmp_path)
    number = Series.objects.get(edition__slug="lsoa").pk
    put_live(shares([n + 1 for n in SIXTEEN]), "second")
    then = live.published_at.isoformat()
    asked = [
        ("observations", {"as_at": then}),
        ("observations", {"as_at": then, "area": "E01000901"}),
        ("observations.csv", {"as_at": then}),
        ("observations.parquet", {"as_at": then, "latest": "true"}),
        (f"series/{number}/observations", {}),
        (f"series/{number}/observations.csv", {}),
    ]
    tags = {}
    for path, query in asked:
        reply = client.get(f"/api/v1/{path}", query)
        assert reply.status_code == 200
        tags[path, str(query)] = reply["ETag"]
    first_page = ask("observations", as_at=then, limit=1)
    list(archive.archive_due(at=NOON + timedelta(days=100), days=30))

    for path, query in asked:
        problem = ask(path, 410, **query)
        assert problem["type"].endswith("#problem-archived")
        assert "“The first” (first, archived on 11 April 2026)" in problem["detail"]
        assert "Ask whoever runs this site to restore them" in problem["detail"]
        kept = client.get(
            f"/api/v1/{path}", query, headers={"If-None-Match": tags[path, str(query)]}
        )
        assert kept.status_code == 410, "what a reader kept is not said to be good still"
    assert client.get(first_page["next"]).status_code == 410
    assert ask("observations")["count"] == ask("observations", release="second")["count"] > 0

    listed = ask("series", as_at=then)
    assert "The figures of first are archived" in listed["message"]
    assert {one["archived_at"] for one in listed["results"]} == {"2026-04-11T12:00:00Z"}
    assert "message" not in ask("series")
    assert ask(f"series/{number}")["archived_at"] == "2026-04-11T12:00:00Z"
    nothing = ask("observations", as_at=(NOON - timedelta(days=1)).isoformat(), area="E01000901")
    assert nothing["count"] == 0
    assert "as_at" in nothing["message"]

    archive.restore(release=live, by=None, at=NOON + timedelta(days=101))
    for path, query in asked:
        assert client.get(f"/api/v1/{path}", query).status_code == 200
    assert ask(f"series/{number}")["archived_at"] is None
