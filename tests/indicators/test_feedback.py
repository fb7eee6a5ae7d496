"""A reader says that something looks wrong; those who run the site see it and settle it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache

from indicators.models import Feedback
from indicators.views import feedback as views
from tests.conftest import shares
from tests.tiny_uk import COUNCILS

pytestmark = pytest.mark.django_db
PAGE = f"/areas/{COUNCILS[0]}/"


@pytest.fixture(autouse=True)
def empty_cache(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def live(make_indicator, put_live):
    make_indicator()
    return put_live(shares([float(n) for n in range(1, 17)]))


def send(client, **changes):
    words = {"about": PAGE, "figure": "share", "message": "Twice too high.", "website": ""}
    return client.post("/feedback/", words | changes)


def test_every_figure_line_leads_to_the_form_about_it(live, client):
    page = client.get(PAGE).content.decode()
    address = f"/feedback/?about=%2Fareas%2F{COUNCILS[0]}%2F&amp;figure=share"
    assert address in page
    form = client.get(address.replace("&amp;", "&")).content.decode()
    assert "Share, Ashby, 21 March 2021: 2.5%" in form


def test_what_is_sent_is_kept_with_the_series_that_stood_there(live, client):
    response = send(client, email="reader@example.org")
    kept = Feedback.objects.get()
    assert (kept.page, kept.message, kept.email) == (PAGE, "Twice too high.", "reader@example.org")
    assert kept.status == Feedback.Status.NEW
    assert kept.indicator.slug == "share"
    assert kept.series.release == live
    assert kept.series.edition.slug == "authority"
    thanks = client.get(response.url).content.decode()
    assert kept.reference in thanks


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"message": "  "}, "Write what looks wrong."),
        ({"message": "x" * 4001}, "no more than 4,000 characters"),
        ({"email": "not an address"}, "name@example.org"),
        ({"message": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_kept_is_said_and_the_words_are_given_back(live, client, changes, sentence):
    response = send(client, **changes)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not Feedback.objects.exists()


def test_markup_is_only_text_wherever_it_is_shown(live, client, admin_client):
    words = "<script>alert(1)</script>"
    assert words not in send(client, message=words, email="x").content.decode()
    send(client, message=words)
    kept = Feedback.objects.get()
    for address in ("", f"{kept.pk}/change/"):
        page = admin_client.get(f"/admin/indicators/feedback/{address}").content.decode()
        assert kept.reference in page
        assert words not in page


@pytest.mark.parametrize(
    "about",
    [
        "",
        "//evil.example/",
        "https://evil.example/",
        "javascript:alert(1)",
        "/" + "x" * 999,
        "/areas/<b>/",
        "/a\r\nSet-Cookie: x",
    ],
)
def test_a_page_that_is_not_ours_is_never_linked_to(live, client, about):
    assert client.get("/feedback/", {"about": about}).status_code == 200
    response = send(client, about=about)
    assert response.status_code == 302
    assert response.url.startswith("/feedback/thanks/")
    assert "evil" not in client.get(response.url).content.decode()
    assert Feedback.objects.get().page.startswith("/")
    assert "evil" not in client.get("/feedback/thanks/", {"about": about}).content.decode()


@pytest.mark.parametrize("figure", ["", "nope", "x" * 5000, "'; --", "a\x00b"])
def test_a_figure_that_does_not_exist_is_left_out(live, client, figure):
    send(client, figure=figure)
    assert Feedback.objects.get().indicator is None


def test_a_program_that_fills_every_field_is_thanked_and_not_kept(live, client):
    assert send(client, website="https://spam.example").status_code == 302
    assert not Feedback.objects.exists()


def test_one_connection_may_not_write_without_end(live, client, monkeypatch):
    monkeypatch.setattr(views, "MOST_IN_AN_HOUR", 2)
    assert [send(client).status_code for _ in range(3)] == [302, 302, 429]
    assert Feedback.objects.count() == 2
    page = send(client).content.decode()
    assert "Twice too high." in page
    other = client.post(
        "/feedback/", {"about": PAGE, "message": "Another."}, REMOTE_ADDR="203.0.113.9"
    )
    assert other.status_code == 302


def test_behind_a_trusted_proxy_the_reader_is_who_the_proxy_names(live, client, settings):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    request_of = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9"}
    client.post("/feedback/", {"about": PAGE, "message": "A."}, **request_of)
    (key,) = (k for k in cache._cache if "feedback:" in k and not k.endswith(":since"))
    assert "203.0.113.9" not in key
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 0}
    client.post("/feedback/", {"about": PAGE, "message": "A."}, **request_of)
    assert len([k for k in cache._cache if "feedback:" in k and k.endswith(":since")]) == 2


def test_a_form_from_elsewhere_is_refused(live, client):
    strict = type(client)(enforce_csrf_checks=True)
    assert send(strict).status_code == 403
    assert not Feedback.objects.exists()


def test_mail_goes_out_only_where_somebody_is_named(live, client, settings, mailoutbox):
    send(client)
    assert mailoutbox == []
    settings.ADMINS = [("Admin", "admin@example.org")]
    send(client)
    assert Feedback.objects.order_by("-pk")[0].reference in mailoutbox[0].subject


def test_those_with_permission_settle_it_and_others_do_not(live, client):
    send(client)
    kept = Feedback.objects.get()
    user = User.objects.create_user("one", password="x", is_staff=True)
    client.force_login(user)
    change = {"action": "mark_answered", "_selected_action": [kept.pk]}
    assert client.post("/admin/indicators/feedback/", change).status_code == 403
    view, may = (Permission.objects.get(codename=f"{name}_feedback") for name in ("view", "change"))
    user.user_permissions.add(view)
    client.post("/admin/indicators/feedback/", change)
    kept.refresh_from_db()
    assert kept.status == Feedback.Status.NEW
    user.user_permissions.add(may)
    client.post("/admin/indicators/feedback/", change)
    kept.refresh_from_db()
    assert kept.status == Feedback.Status.ANSWERED
    assert kept.answered_by == user
    assert client.get("/admin/indicators/feedback/?status__exact=answered").status_code == 200
    # Not even they write it.
    user.user_permissions.add(Permission.objects.get(codename="add_feedback"))
    assert client.get("/admin/indicators/feedback/add/").status_code == 403
