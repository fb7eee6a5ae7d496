"""The admin of geography: upload a file, read what it would change, confirm it.

Areas themselves are not edited by hand: they come from published files.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from kombu.exceptions import OperationalError

from areas import tasks
from areas.forms import FORMS, FileForm
from areas.importing import uploads
from areas.models import GeographyFile

log = structlog.get_logger(__name__)
Status = GeographyFile.Status
# Room for the other fields of the form beside the file.
FIELDS_BYTES = 100_000


def queue(pk: int) -> None:
    """Hand an upload to a worker. Without a queue it waits for the next round of beat."""
    try:
        tasks.work_on.delay(pk)
    except OperationalError:
        log.warning("queue_unreachable", upload=pk)


@admin.register(GeographyFile)
class GeographyFileAdmin(admin.ModelAdmin):
    """Uploads of geography with their reports."""

    list_display = ("file_name", "kind", "status", "uploaded_at", "uploaded_by")
    list_filter = ("kind", "status")
    search_fields = ("file_name",)
    list_select_related = ("uploaded_by",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An upload is the record of what was loaded: it stays."""
        return False

    def get_urls(self) -> list[Any]:
        """Put our own pages before Django's."""
        name, wrap = "areas_geographyfile", self.admin_site.admin_view
        return [
            path("add/", wrap(csrf_exempt(self.add_page)), name=f"{name}_add"),
            path("<int:pk>/change/", wrap(self.report_page), name=f"{name}_change"),
            path("<int:pk>/confirm/", wrap(self.confirm_page), name=f"{name}_confirm"),
            *super().get_urls(),
        ]

    def page(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        """Return what every admin page needs."""
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **more}

    def unknown(self, request: HttpRequest) -> HttpResponse:
        """Lead back to the list from an upload that is not there."""
        messages.warning(request, "There is no such file of geography.")
        return HttpResponseRedirect(reverse("admin:areas_geographyfile_changelist"))

    def add_page(self, request: HttpRequest) -> HttpResponse:
        """Refuse a body above the limit before a byte of it is read, then protect and serve.

        Reading the token reads the body, so the limit must come before the protection.
        """
        if request.method == "POST":
            length = request.META.get("CONTENT_LENGTH") or ""
            most = settings.GEOGRAPHY_UPLOAD_BYTES
            if not length.isdecimal() or int(length) > most + FIELDS_BYTES:
                context = self.page(
                    request,
                    "The file is too large",
                    sentence=f"An upload may have {filesizeformat(most)}. Load larger files with "
                    "the command (manage.py import_…).",
                )
                return TemplateResponse(
                    request, "admin/areas/geographyfile/too_large.html", context, status=413
                )
        return csrf_protect(self.add_form)(request)

    def add_form(self, request: HttpRequest) -> HttpResponse:
        """Show the kinds of file, or the form of one kind, or take the file."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kind = request.GET.get("kind", "")
        if kind not in FORMS:
            context = self.page(
                request,
                "Load a file of geography",
                kinds=[
                    {"url": f"?kind={value}", "label": label}
                    for value, label in GeographyFile.Kind.choices
                ],
            )
            return TemplateResponse(request, "admin/areas/geographyfile/kinds.html", context)
        sent = request.method == "POST"
        form: FileForm = FORMS[kind](request.POST if sent else None, request.FILES or None)
        if sent and form.is_valid():
            options = dict(form.cleaned_data)
            with transaction.atomic():
                upload = uploads.receive(
                    file=options.pop("file"),
                    kind=kind,
                    options=options,
                    by=request.user,
                    at=timezone.now(),
                )
                transaction.on_commit(lambda: queue(upload.pk))
            return HttpResponseRedirect(
                reverse("admin:areas_geographyfile_change", args=[upload.pk])
            )
        context = self.page(
            request, str(GeographyFile.Kind(kind).label), form=form, fields=list(form)
        )
        return TemplateResponse(
            request,
            "admin/areas/geographyfile/upload.html",
            context,
            status=400 if sent else 200,
        )

    def report_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what the file would change, or has changed; it refreshes itself while at work."""
        upload = self.get_object(request, str(pk))
        if upload is None:
            return self.unknown(request)
        if not self.has_view_or_change_permission(request, upload):
            raise PermissionDenied
        at_work = upload.status not in {Status.CHECKED, Status.REFUSED, Status.LOADED}
        may = self.has_change_permission(request, upload)
        report = upload.report
        context = self.page(
            request,
            upload.file_name,
            upload=upload,
            report=report,
            at_work=at_work,
            status=upload.get_status_display(),
            kind=upload.get_kind_display(),
            progress=uploads.progress(upload) if at_work else "",
            options=[(k.replace("_", " "), v) for k, v in upload.options.items() if v],
            may_confirm=may and upload.status == Status.CHECKED and report.get("changed", False),
        )
        return TemplateResponse(request, "admin/areas/geographyfile/report.html", context)

    def confirm_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Load a file whose report has been read."""
        upload = self.get_object(request, str(pk))
        if upload is None:
            return self.unknown(request)
        if request.method != "POST" or not self.has_change_permission(request, upload):
            raise PermissionDenied
        with transaction.atomic():
            if uploads.confirm(upload=upload, by=request.user, at=timezone.now()):
                transaction.on_commit(lambda: queue(pk))
                self.log_change(request, upload, "Confirmed: to be loaded.")
            else:
                messages.warning(request, "This file is not waiting to be confirmed.")
        return HttpResponseRedirect(reverse("admin:areas_geographyfile_change", args=[pk]))
