"""Addresses of pages and of what they fetch."""

from django.urls import path

from indicators.views import about, pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("areas/<str:code>/", pages.area_profile, name="area"),
    path("search/", pages.search_page, name="search"),
    path("search/suggest", pages.suggest, name="suggest"),
    path("map/<slug:edition>/<slug:indicator>.json", pages.map_values, name="map-values"),
    path("about/", about.index, name="about"),
    path("about/data/", about.data, name="about-data"),
    path("about/method/", about.method, name="about-method"),
    path("about/status-codes/", about.status_codes, name="about-status-codes"),
    path("about/accessibility/", about.accessibility, name="about-accessibility"),
    path("about/privacy/", about.privacy, name="about-privacy"),
    path("robots.txt", about.robots, name="robots"),
    path("sitemap.xml", about.sitemap, name="sitemap"),
]
