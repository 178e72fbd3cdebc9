"""POST /api/v1/teams: a new team, whose limits its keys share."""

from typing import Any

from gateway import admin, keys
from gateway.body import parse_body
from gateway.http import Event, Response, api_handler, bearer_token, json_response
from gateway.policies import NewTeam


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    keys.authenticate(bearer_token(event), "admin")
    return json_response(201, admin.create_team(parse_body(event, NewTeam)))
