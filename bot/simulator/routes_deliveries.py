"""REST: the log of webhook deliveries, and asking for one again."""

from __future__ import annotations

from datetime import timedelta

from bot.simulator.call import Answer, Call, Door, Routes, not_found
from bot.simulator.clock import stamp
from bot.simulator.ledger import JsonObject
from bot.simulator.webhooks import Delivery

ROUTES = Routes()
KEPT = timedelta(days=3)


@ROUTES.on("GET", "/app/hook/deliveries", Door.APP, query=("per_page", "cursor", "status"))
def list_deliveries(call: Call) -> Answer:
    """Newest first, by cursor, of the last three days. https://docs.github.com/rest/apps/webhooks"""
    items = [each for each in reversed(call.world.hook.log) if not _is_forgotten(call, each)]
    if (wanted := call.query.get("status")) is not None:
        items = [each for each in items if each.ok == (wanted == "success")]
    size = min(100, int(call.query.get("per_page", "30")))
    cursor = call.query.get("cursor", "")
    if cursor:
        items = [each for each in items if each.id <= int(cursor.removeprefix("v1_"))]
    headers = {}
    if len(items) > size:
        url = f"{call.world.urls.api}{call.path}?per_page={size}&cursor=v1_{items[size].id}"
        headers["Link"] = f'<{url}>; rel="next"'
    return Answer(200, [_delivery_shape(each) for each in items[:size]], headers)


@ROUTES.on("GET", "/app/hook/deliveries/{delivery_id}", Door.APP)
def show_delivery(call: Call) -> Answer:
    delivery = _delivery(call)
    request = {"headers": call.world.hook.headers(delivery), "payload": delivery.payload}
    response: JsonObject = {"headers": {}, "payload": None}
    return Answer(200, {**_delivery_shape(delivery), "url": "", "request": request, "response": response})


@ROUTES.on("POST", "/app/hook/deliveries/{delivery_id}/attempts", Door.APP)
def redeliver(call: Call) -> Answer:
    call.world.hook.redeliver(_delivery(call))
    return Answer(202, {})


def _is_forgotten(call: Call, delivery: Delivery) -> bool:
    """https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""
    return call.world.now() - (delivery.delivered_at or delivery.due_at) > KEPT


def _delivery(call: Call) -> Delivery:
    number = call.number("delivery_id")
    for each in call.world.hook.log:
        if each.id == number and not _is_forgotten(call, each):
            return each
    raise not_found()


def _delivery_shape(delivery: Delivery) -> JsonObject:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.delivered_at or delivery.due_at),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code or 0,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }
