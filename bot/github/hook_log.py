"""GitHub's own log of the webhook deliveries to this app.

Rule: the least urgent of all calls: while GitHub asks for patience anywhere, the log is not asked for.
"""

from collections.abc import Mapping

from bot.core.facts import LoggedDelivery, LogPage
from bot.core.intake import Fields
from bot.github import reading
from bot.github.client import Page
from bot.github.paging import PAGE, Reader
from bot.github.routes import route


class HookLog(Reader):
    """The part of `GitHubCalls` that reads the delivery log, in the app's own name."""

    async def logged_deliveries(self, *, cursor: str | None = None) -> LogPage:
        """Read: one page of 100, newest first; GitHub keeps three days. Raises NotFound where there is no log.

        https://docs.github.com/rest/apps/webhooks#list-deliveries-for-an-app-webhook
        """
        query: dict[str, str | int] = {"per_page": PAGE}
        if cursor is not None:
            query["cursor"] = cursor
        return await self._client.read_as_app(route("/app/hook/deliveries").asking(query), _page)

    async def logged_payload(self, delivery_id: int) -> Mapping[str, object]:
        """Read: the body of one delivery. https://docs.github.com/rest/apps/webhooks#get-a-delivery-for-an-app-webhook"""
        to = route("/app/hook/deliveries/{id}", id=delivery_id)
        return await self._client.read_as_app(to, _payload)


def _page(page: Page) -> LogPage:
    return LogPage(tuple(map(_logged, reading.items(page.data, None))), page.cursor)


def _logged(item: Mapping[str, object]) -> LoggedDelivery:
    fields = Fields(item)
    return LoggedDelivery(
        id=fields.number("id"),
        guid=fields.filled("guid"),
        event=fields.filled("event"),
        action=fields.text_or_none("action"),
        repository_id=fields.number("repository_id") if fields.has("repository_id") else None,
        delivered_at=fields.time("delivered_at"),
    )


def _payload(page: Page) -> Mapping[str, object]:
    request = reading.mapping(reading.mapping(page.data).get("request"))
    return reading.mapping(request.get("payload"))
