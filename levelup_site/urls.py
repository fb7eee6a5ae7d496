"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from levelup_site import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("indicators.api.urls")),
    path("", include("areas.urls")),
    path("", include("indicators.urls")),
]
admin.site.site_header = admin.site.site_title = "Levelup administration"
admin.site.index_title = "What is kept here"
handler404 = "indicators.views.pages.not_found"
