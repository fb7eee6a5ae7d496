"""Addresses that need geography only."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
