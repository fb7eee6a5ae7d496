"""The admin's way: upload, read what it would change, confirm."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache.backends.redis import RedisCache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from redis.exceptions import RedisError

from areas import tasks
from areas.importing import uploads
from areas.models import Edition, GeographyFile
from tests.areas.importing.files import geojson

pytestmark = pytest.mark.django_db
ADD = "/admin/areas/geographyfile/add/"
CHOICES = {"area_type": "ward", "edition": "ward-new", "date": "2025-05-01"}


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch):
    """Files go to a folder of the test; work is done by `work`, not by a queue."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.TILE_DIR = tmp_path / "tiles"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # fmt: skip
    monkeypatch.setattr(tasks.work_on, "delay", lambda pk: None)


@pytest.fixture
def staff(client) -> Client:
    user = User.objects.create_user("ann", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="geographyfile"))
    client.force_login(user)
    return client


def upload(client: Client, content: str | bytes, kind: str = "areas", **more) -> GeographyFile:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("../../wards.geojson", data)
    answer = client.post(f"{ADD}?kind={kind}", CHOICES | more | {"file": file})
    assert answer.status_code == 302, answer.content.decode()
    return GeographyFile.objects.get()


def page(client: Client, given: GeographyFile) -> str:
    answer = client.get(reverse("admin:areas_geographyfile_change", args=[given.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_file_is_rehearsed_shown_confirmed_and_loaded(staff):
    given = upload(staff, geojson())
    assert given.file_name == "wards.geojson"
    assert "http-equiv" in page(staff, given)  # It looks again while the file waits.
    uploads.work_on(given.pk)
    shown = page(staff, given)
    assert "New areas" in shown
    assert "Confirm: make these changes" in shown
    assert "http-equiv" not in shown
    assert not Edition.objects.filter(slug="ward-new").exists()
    confirm = reverse("admin:areas_geographyfile_confirm", args=[given.pk])
    assert staff.post(confirm).status_code == 302
    assert not Edition.objects.filter(slug="ward-new").exists()
    uploads.work_on(given.pk)
    assert Edition.objects.get(slug="ward-new").tile_hash
    assert "loaded" in page(staff, given)
    # A second press, and work that comes twice, change nothing.
    assert staff.post(confirm).status_code == 302
    uploads.work_on(given.pk)
    assert GeographyFile.objects.get().status == "loaded"


def test_problems_are_shown_and_cannot_be_confirmed(staff):
    given = upload(staff, "<html>Not found</html>")
    uploads.work_on(given.pk)
    shown = page(staff, given)
    assert "is a web page or XML" in shown
    assert "Confirm" not in shown
    staff.post(reverse("admin:areas_geographyfile_confirm", args=[given.pk]))
    assert GeographyFile.objects.get().status == "refused"


def test_names_in_a_file_are_shown_as_text(staff):
    given = upload(
        staff,
        geojson(
            names=["<script>alert(1)</script>", "b", "c"],
            codes=["E06000901", "E05000952", "E05000953"],
        ),
    )
    uploads.work_on(given.pk)
    assert "<script>alert" not in page(staff, given)


def test_a_bug_of_ours_is_a_sentence_to_the_reader(staff, monkeypatch):
    given = upload(staff, geojson())
    monkeypatch.setattr(uploads, "carry_out_upload", lambda *a, **k: 1 / 0)
    uploads.work_on(given.pk)
    assert "Something went wrong on our side" in page(staff, given)


def test_forgotten_work_is_taken_up(staff):
    given = upload(staff, geojson())
    GeographyFile.objects.update(status="checking")  # As a worker that was killed leaves it.
    tasks.take_up_waiting()
    given.refresh_from_db()
    assert given.status == "checked"


def test_while_redis_is_away_a_file_is_loaded_all_the_same(staff, monkeypatch):
    given = upload(staff, geojson())
    away = RedisCache(f"unix://{uploads.path_of(given)}-no-redis.sock", {})
    monkeypatch.setattr(uploads, "cache", away)
    uploads.work_on(given.pk)
    assert "Confirm: make these changes" in page(staff, given)
    GeographyFile.objects.update(status="checking")
    assert "http-equiv" in page(staff, given)  # Which asks how far it has come.
    with pytest.raises(RedisError):
        away.get("anything")


def test_without_a_queue_the_file_still_waits(
    staff, monkeypatch, django_capture_on_commit_callbacks
):
    from kombu.exceptions import OperationalError

    def unreachable(pk: int) -> None:
        raise OperationalError("no Redis")

    monkeypatch.setattr(tasks.work_on, "delay", unreachable)
    with django_capture_on_commit_callbacks(execute=True):
        given = upload(staff, geojson())
    assert uploads.waiting() == [given.pk]


@pytest.mark.parametrize("kind", ["areas", "overlaps", "changes", "postcodes", "names"])
def test_each_kind_has_a_form_that_asks_for_what_is_missing(staff, kind):
    assert staff.get(f"{ADD}?kind={kind}").status_code == 200
    answer = staff.post(f"{ADD}?kind={kind}", {})
    assert answer.status_code == 400
    assert "This field is required" in answer.content.decode()


def test_kinds_are_offered_and_unknown_ones_lead_back_to_them(staff):
    for address in (ADD, f"{ADD}?kind=nonsense", f"{ADD}?kind=%00"):
        answer = staff.get(address)
        assert answer.status_code in {200, 400}  # 400 for a NUL in the address.
    assert "Which area lies in which" in staff.get(ADD).content.decode()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(staff, settings):
    settings.GEOGRAPHY_UPLOAD_BYTES = 10
    file = SimpleUploadedFile("a.csv", b"x" * 200_000)
    # Reading the token would read the body: without a token, the limit still comes first.
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    answer = strict.post(f"{ADD}?kind=names", {"file": file})
    assert answer.status_code == 413
    assert "manage.py import_" in answer.content.decode()
    small = SimpleUploadedFile("a.csv", b"x" * 100)
    answer = staff.post(f"{ADD}?kind=names", {"file": small})
    assert answer.status_code == 400
    assert "larger than" in answer.content.decode()


def test_a_forged_request_is_refused(staff):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    file = SimpleUploadedFile("a.csv", b"code,name\n")
    assert strict.post(f"{ADD}?kind=names", {"file": file}).status_code == 403
    given = upload(staff, geojson())
    uploads.work_on(given.pk)
    confirm = reverse("admin:areas_geographyfile_confirm", args=[given.pk])
    assert strict.post(confirm).status_code == 403
    assert staff.get(confirm).status_code == 403
    assert GeographyFile.objects.get().status == "checked"


def test_only_those_with_the_permission_see_and_load(client):
    assert client.get(ADD).status_code == 302
    user = User.objects.create_user("bob", password="x", is_staff=True)
    client.force_login(user)
    assert client.get(ADD).status_code == 403
    file = SimpleUploadedFile("a.csv", b"code,name\n")
    assert client.post(f"{ADD}?kind=names", {"file": file}).status_code == 403
    assert not GeographyFile.objects.exists()


def test_an_upload_that_is_not_there_leads_back_to_the_list(staff):
    answer = staff.get("/admin/areas/geographyfile/999/change/")
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/areas/geographyfile/"


def test_the_list_asks_the_database_as_often_for_many_as_for_one(staff, django_assert_num_queries):
    upload(staff, geojson())
    with django_assert_num_queries(7):
        staff.get("/admin/areas/geographyfile/")
    for _ in range(5):
        given = GeographyFile.objects.first()
        given.pk = None
        given.save()
    with django_assert_num_queries(7):
        staff.get("/admin/areas/geographyfile/")
