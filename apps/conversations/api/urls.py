"""The conversations' addresses."""

from django.urls import include, path

from apps.conversations.api import attachments, customers, desk, leading, tickets, views

app_name = "conversations"
ONE = "conversations/<uuid:conversation>"
urlpatterns = [
    path("", include("apps.conversations.api.widget.urls")),
    path("conversations", views.ConversationsView.as_view(), name="conversation-list"),
    path(ONE, views.ConversationView.as_view(), name="conversation"),
    path(f"{ONE}/messages", views.MessagesView.as_view(), name="message-list"),
    path(f"{ONE}/receipts", views.ReceiptsView.as_view(), name="receipt-list"),
    path(f"{ONE}/ticket", tickets.ChatTicketView.as_view(), name="chat-ticket"),
    path("agents/me/ticket", tickets.DeskTicketView.as_view(), name="desk-ticket"),
    path(f"{ONE}/closure", views.ClosureView.as_view(), name="closure"),
    path(f"{ONE}/transfer", views.TransferView.as_view(), name="transfer"),
    path(f"{ONE}/hold", views.HoldView.as_view(), name="hold"),
    path(f"{ONE}/takeover", leading.TakeoverView.as_view(), name="takeover"),
    path(f"{ONE}/assignment", leading.AssignmentView.as_view(), name="assignment"),
    path(f"{ONE}/priority", leading.PriorityView.as_view(), name="priority"),
    path(f"{ONE}/whispers", leading.WhispersView.as_view(), name="whisper-list"),
    path(f"{ONE}/notes", desk.NotesView.as_view(), name="note-list"),
    path(f"{ONE}/tags", desk.TagsView.as_view(), name="tags"),
    path(f"{ONE}/rating", desk.RatingView.as_view(), name="rating"),
    path(f"{ONE}/attachments", attachments.AttachmentsView.as_view(), name="attachment-list"),
    path(
        f"{ONE}/attachments/<uuid:attachment>",
        attachments.AttachmentView.as_view(),
        name="attachment",
    ),
    path("conversations/search", customers.SearchView.as_view(), name="search"),
    path("customers", customers.CustomersView.as_view(), name="customer-list"),
    path("customers/<uuid:customer>", customers.CustomerView.as_view(), name="customer"),
    path("customers/<uuid:customer>/export", customers.ExportView.as_view(), name="export"),
    path("customers/<uuid:customer>/erasure", customers.ErasureView.as_view(), name="erasure"),
    path("canned-replies", desk.CannedRepliesView.as_view(), name="canned-reply-list"),
    path("canned-replies/<uuid:reply>", desk.CannedReplyView.as_view(), name="canned-reply"),
    path(f"{ONE}/reopening", views.ReopeningView.as_view(), name="reopening"),
]
