"""The webhooks' addresses."""

from django.urls import path

from apps.webhooks.api import views

app_name = "webhooks"
urlpatterns = [
    path("webhooks", views.EndpointsView.as_view(), name="endpoint-list"),
    path("webhooks/<uuid:uid>", views.EndpointView.as_view(), name="endpoint"),
    path("webhooks/<uuid:uid>/secret", views.SecretView.as_view(), name="secret"),
    path("webhooks/<uuid:uid>/deliveries", views.DeliveriesView.as_view(), name="delivery-list"),
    path(
        "webhooks/<uuid:uid>/deliveries/<uuid:delivery>/redelivery",
        views.RedeliveryView.as_view(),
        name="redelivery",
    ),
]
