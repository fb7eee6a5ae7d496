"""Files of geography given to the admin: received, rehearsed, confirmed, loaded."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models import Q
from redis.exceptions import RedisError

from areas import tiles
from areas.importing.changes import ChangeOptions, import_changes
from areas.importing.names import NameOptions, import_names
from areas.importing.numbers import NumberOptions, import_numbers
from areas.importing.overlaps import OverlapOptions, import_overlaps
from areas.importing.places import AreaOptions, import_areas
from areas.importing.postcodes import PostcodeOptions, import_postcodes
from areas.importing.report import Report
from areas.models import Edition, GeographyFile

Kind, Status = GeographyFile.Kind, GeographyFile.Status
User = AbstractBaseUser | AnonymousUser
IMPORTERS: dict[str, tuple[Any, Any]] = {
    Kind.AREAS: (import_areas, AreaOptions),
    Kind.OVERLAPS: (import_overlaps, OverlapOptions),
    Kind.CHANGES: (import_changes, ChangeOptions),
    Kind.POSTCODES: (import_postcodes, PostcodeOptions),
    Kind.NAMES: (import_names, NameOptions),
    Kind.NUMBERS: (import_numbers, NumberOptions),
}
# A web upload may unpack to this many times its own limit.
UNPACKS_TO = 10
# Tells our locks of uploads from any others in the same database.
UPLOADS = 0x9E06
log = structlog.get_logger(__name__)


def path_of(upload: GeographyFile) -> Path:
    """Return where the bytes of an upload are kept."""
    return Path(settings.MEDIA_ROOT) / "geography" / upload.sha256


def receive(
    *, file: UploadedFile, kind: str, options: dict[str, Any], by: User, at: datetime
) -> GeographyFile:
    """Keep a file under its hash, to be rehearsed. The name it came with is only shown."""
    digest = hashlib.sha256()
    folder = Path(settings.MEDIA_ROOT) / "geography"
    folder.mkdir(parents=True, exist_ok=True)
    for chunk in file.chunks():
        digest.update(chunk)
    target = folder / digest.hexdigest()
    if not target.exists():
        # A name of its own: the same file may be given twice at once.
        draft = folder / f"draft-{secrets.token_hex(8)}"
        with draft.open("wb") as out:
            for chunk in file.chunks():
                out.write(chunk)
        draft.rename(target)
    return GeographyFile.objects.create(
        kind=kind,
        options={k: v.isoformat() if isinstance(v, date) else v for k, v in options.items()},
        file_name=Path(file.name or "file").name[-200:],
        sha256=digest.hexdigest(),
        size=file.size or 0,
        uploaded_at=at,
        uploaded_by_id=by.pk,
    )


def confirm(*, upload: GeographyFile, by: User, at: datetime) -> bool:
    """Let a rehearsed file be loaded. Return False when it cannot be, or already is."""
    return bool(
        GeographyFile.objects.filter(pk=upload.pk, status=Status.CHECKED).update(
            status=Status.CONFIRMED, confirmed_by_id=by.pk, confirmed_at=at
        )
    )


def progress(upload: GeographyFile) -> str:
    """Return the step at which the work on an upload is, or nothing where that is not known.

    It lies in the cache, and no work fails or waits because that is away.
    """
    with suppress(RedisError):
        return str(cache.get(f"geography-{upload.pk}") or "")
    return ""


def waiting() -> list[int]:
    """Return the ids of uploads that have work to do, the oldest first."""
    todo = Q(status__in=[Status.WAITING, Status.CHECKING, Status.CONFIRMED, Status.LOADING])
    ids = GeographyFile.objects.filter(todo).order_by("uploaded_at").values_list("pk", flat=True)
    return list(ids)


def work_on(pk: int) -> None:
    """Rehearse an upload that waits, or load one that is confirmed; anything else is left alone.

    An upload that another worker has in hand is left to it. After a worker was killed its lock is
    gone with it, and the same call begins again, as nothing was half done.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", (UPLOADS, pk))
        (alone,) = cursor.fetchone()
    if not alone:
        return
    try:
        work_alone(pk)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", (UPLOADS, pk))


def work_alone(pk: int) -> None:
    """Do the work of `work_on`, its lock being held."""
    with transaction.atomic():
        upload = GeographyFile.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if upload is None:
            return
        commit = upload.status in {Status.CONFIRMED, Status.LOADING}
        if not commit and upload.status not in {Status.WAITING, Status.CHECKING}:
            return
        began = Status.LOADING if commit else Status.CHECKING
        GeographyFile.objects.filter(pk=pk).update(status=began)
    try:
        report = carry_out_upload(upload, commit=commit)
    except Exception:
        # A bug of ours: the reader gets a sentence, the log gets the rest.
        log.exception("geography_upload_failed", upload=pk)
        report = Report(upload.file_name)
        report.refuse(
            "Something went wrong on our side while reading this file. Nothing was changed; "
            "the details are in the log of the worker."
        )
    finish(upload, report, commit=commit, began=began)


def finish(upload: GeographyFile, report: Report, *, commit: bool, began: str) -> None:
    """Keep the report and move the upload on, unless another worker has done so."""
    after = Status.REFUSED if report.problems else Status.LOADED if commit else Status.CHECKED
    GeographyFile.objects.filter(pk=upload.pk, status=began).update(
        status=after, report=report.as_dict()
    )
    with suppress(RedisError):
        cache.delete(f"geography-{upload.pk}")


def carry_out_upload(upload: GeographyFile, *, commit: bool) -> Report:
    """Run the importer of an upload's kind and, after outlines are loaded, draw their maps."""
    importer, kind_of_options = IMPORTERS[upload.kind]

    def tell(step: str) -> None:
        with suppress(RedisError):
            cache.set(f"geography-{upload.pk}", step, 3600)

    report: Report = importer(
        file=path_of(upload),
        options=kind_of_options(**options_of(upload, kind_of_options)),
        commit=commit,
        tell=tell,
        most_bytes=UNPACKS_TO * settings.GEOGRAPHY_UPLOAD_BYTES,
        name=upload.file_name,
    )
    if report.committed and upload.kind == Kind.AREAS:
        edition = Edition.objects.filter(
            slug=upload.options["edition"], tile_hash="", boundary__isnull=False
        ).first()
        if edition:
            tell("Drawing maps")
            try:
                tiles.bake(edition)
            except (RuntimeError, OSError) as error:
                report.note(f"The areas are loaded but their maps are not drawn: {error}")
    return report


def options_of(upload: GeographyFile, kind: Any) -> dict[str, Any]:
    """Return an upload's options with dates as dates."""
    dates = {"date", "valid_from"}
    return {
        field.name: date.fromisoformat(value) if field.name in dates and value else value
        for field in fields(kind)
        if (value := upload.options.get(field.name)) is not None
    }
