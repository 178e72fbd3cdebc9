"""A step of the deploy: the first admin key, put into a secret of the stack's own; and CloudFormation's answer.

Source of the protocol: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
from typing import Any

import urllib3

ANSWER_SECONDS = 10


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId", "none")}
    try:
        from gateway import first_key
    except ImportError as error:  # the layer is for another Python: no function of the stack runs, and each says why
        print(json.dumps({"level": "ERROR", "message": "no first admin key", "error": str(error)}))  # noqa: T201 - without the layer there is no logger
    else:
        answer |= first_key.outcome(event, context.log_stream_name)
    body = json.dumps(answer)
    done = urllib3.request("PUT", event["ResponseURL"], body=body, headers={"content-type": ""}, timeout=ANSWER_SECONDS)
    if done.status >= 300:
        raise RuntimeError(f"CloudFormation did not take the answer: {done.status}")
