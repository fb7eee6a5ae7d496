"""Addresses that need indicators."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
