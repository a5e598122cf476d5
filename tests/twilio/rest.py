"""A program that asks Twilio's REST API by plain HTTP."""

from __future__ import annotations

import httpx

from simkit.twilio import ACCOUNT_SID, AUTH_TOKEN

URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}"
NUMBER, CUSTOMER = "+15550100", "+15550155"
PAUSE = "<Response><Pause length='60'/></Response>"


async def post(path, auth=(ACCOUNT_SID, AUTH_TOKEN), method="POST", **form):
    async with httpx.AsyncClient(auth=auth) as http:
        return await http.request(method, URL + path, data=form or None)
