"""Every function is deployed as small, as traced and as little trusted as it should be."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.template.cloudformation import Json, resolve

KEYS, REQUESTS, USAGE, STATE, SECRET = (
    "KeysTable.Arn",
    "RequestsTable.Arn",
    "UsageTable.Arn",
    "StateTable.Arn",
    "arn:AWS::Partition:secretsmanager:AWS::Region:AWS::AccountId:secret:AWS::StackName/providers-??????",
)
ADMIN_SECRET = SECRET.replace("/providers-", "/admin-key-")
PARAMETER = "arn:AWS::Partition:ssm:AWS::Region:AWS::AccountId:parameter/AWS::StackName/models"
BEDROCK = {
    "arn:AWS::Partition:bedrock:*::foundation-model/*",
    "arn:AWS::Partition:bedrock:*:AWS::AccountId:inference-profile/*",
    "arn:AWS::Partition:bedrock:*:AWS::AccountId:application-inference-profile/*",
}
READ_KEY, WRITE_ROW, READ_SECRET, READ_MODELS = (
    ("dynamodb:GetItem", KEYS),
    ("dynamodb:PutItem", REQUESTS),
    ("secretsmanager:GetSecretValue", SECRET),
    ("ssm:GetParameter", PARAMETER),
)
READ_STATE, WRITE_STATE = ("dynamodb:BatchGetItem", STATE), ("dynamodb:UpdateItem", STATE)
LIST_KEYS, PUT_KEY, CHANGE_KEY = (("dynamodb:Scan", KEYS), ("dynamodb:PutItem", KEYS), ("dynamodb:UpdateItem", KEYS))
LIST_ROWS, READ_ROW = ("dynamodb:Query", REQUESTS), ("dynamodb:GetItem", REQUESTS)
READ_USAGE = {("dynamodb:Query", USAGE), ("dynamodb:GetItem", USAGE)}
WRITE_USAGE = {("dynamodb:BatchWriteItem", USAGE), ("dynamodb:PutItem", USAGE)}
PRODUCTS, BUCKET = "ProductsTable.Arn", "arn:AWS::Partition:s3:::SearchBucket"
INDEX = f"{BUCKET}/products.sqlite"
ADMIT = {READ_KEY, CHANGE_KEY, WRITE_ROW}
READ_INDEX = {
    ("s3:GetObject", INDEX),
    ("s3:GetObjectVersion", INDEX),
    ("s3:ListBucket", BUCKET),
    ("s3:ListBucketVersions", BUCKET),
}
RUN_TOOLS = {*READ_INDEX, ("dynamodb:Query", PRODUCTS), ("dynamodb:Query", f"{PRODUCTS}/index/gtins")}
BUILD_INDEX = {
    ("dynamodb:GetItem", PRODUCTS),
    ("dynamodb:Scan", PRODUCTS),
    ("s3:GetObject", INDEX),
    ("s3:PutObject", INDEX),
    ("s3:ListBucket", BUCKET),
}
INVOKE = {("bedrock:InvokeModel", resource) for resource in BEDROCK}
INFERENCE = {READ_KEY, CHANGE_KEY, WRITE_ROW, READ_STATE, WRITE_STATE, READ_SECRET, READ_MODELS, *INVOKE}
GRANTS = {
    "SweepFunction": {LIST_KEYS, CHANGE_KEY, WRITE_ROW},
    "FirstAdminKeyFunction": {
        READ_KEY,
        PUT_KEY,
        ("secretsmanager:GetSecretValue", ADMIN_SECRET),
        ("secretsmanager:PutSecretValue", ADMIN_SECRET),
    },
    "HealthFunction": {READ_KEY, ("dynamodb:GetItem", REQUESTS)},
    "ListModelsFunction": {READ_KEY, READ_SECRET, READ_MODELS},
    "GetModelFunction": {READ_KEY, READ_SECRET, READ_MODELS},
    **{function: {*INFERENCE, *RUN_TOOLS} for function in ["ChatCompletionsFunction", "CompletionsFunction"]},
    "EmbeddingsFunction": INFERENCE,
    "RouteFunction": {READ_KEY, READ_STATE, READ_SECRET, READ_MODELS},
    **{function: {READ_KEY} for function in ["GetKeyFunction", "GetTeamFunction"]},
    **{function: {READ_KEY, LIST_KEYS} for function in ["ListKeysFunction", "ListTeamsFunction"]},
    **{function: {READ_KEY, PUT_KEY} for function in ["CreateKeyFunction", "CreateTeamFunction"]},
    **{function: {READ_KEY, CHANGE_KEY} for function in ["UpdateKeyFunction", "UpdateTeamFunction"]},
    **{function: {READ_KEY, CHANGE_KEY} for function in ["DeleteKeyFunction", "RotateKeyFunction"]},
    "DeleteTeamFunction": {READ_KEY, LIST_KEYS, CHANGE_KEY},
    "GetUsageFunction": {READ_KEY, LIST_KEYS, LIST_ROWS, *READ_USAGE},
    "ListRequestsFunction": {READ_KEY, LIST_KEYS, LIST_ROWS},
    "GetRequestFunction": {READ_KEY, READ_ROW},
    "RollUpFunction": {LIST_KEYS, LIST_ROWS, *READ_USAGE, *WRITE_USAGE},
    "ListProductsFunction": {
        *ADMIT,
        *{("dynamodb:Query", f"{PRODUCTS}/index/{index}") for index in ("all", "brands", "categories", "gtins")},
    },
    **{function: {*ADMIT, ("dynamodb:Query", PRODUCTS)} for function in ["GetProductFunction", "ListOffersFunction"]},
    **{function: {*ADMIT, *READ_INDEX} for function in ["SearchProductsFunction", "ListCategoriesFunction"]},
    "ListToolsFunction": ADMIT,
    **{function: {*ADMIT, *RUN_TOOLS} for function in ["CallToolFunction", "McpFunction"]},
    "BuildIndexFunction": BUILD_INDEX,
    "UnknownRouteFunction": set(),
}
"""All that each function may do: exact actions on exact things."""

MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
}
FUNCTIONS = sorted(GRANTS)
OFF_THE_API = {"BuildIndexFunction", "FirstAdminKeyFunction", "RollUpFunction", "SweepFunction"}
SEARCHES = ("CallToolFunction", "ListCategoriesFunction", "McpFunction", "SearchProductsFunction")
MEMORY = {"BuildIndexFunction": 1769, **dict.fromkeys(SEARCHES, 1024)}
"""In megabytes, of what needs more than the others: SQLite at work, on a share of a CPU that goes by the memory."""
HAVE_AN_INDEX = {*MEMORY, "ChatCompletionsFunction", "CompletionsFunction"}
"""On their disk, and a new one beside it for a moment."""
HAVE_THE_SDK = {"McpFunction"}
"""Of MCP, in a layer beside the gateway's."""
PATIENT = {"BuildIndexFunction": 900, "RollUpFunction": 900}


def properties(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def of_type(template: Json, kind: str) -> set[str]:
    return {name for name, resource in template["Resources"].items() if resource["Type"] == kind}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_these_are_all_functions_and_each_has_a_role_of_its_own(deployed: Json) -> None:
    assert of_type(deployed, "AWS::Lambda::Function") == set(GRANTS)
    assert of_type(deployed, "AWS::IAM::Role") == {f"{name}Role" for name in GRANTS}
    for name in GRANTS:
        assert properties(deployed, name)["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_exactly_what_it_needs(deployed: Json, function: str) -> None:
    role = properties(deployed, f"{function}Role")
    statements = [s for policy in role.get("Policies", []) for s in policy["PolicyDocument"]["Statement"]]
    granted = {
        (action, resolve(resource, {}))
        for statement in statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert granted == GRANTS[function]
    assert all(set(statement) == {"Effect", "Action", "Resource"} for statement in statements)
    assert set(role["ManagedPolicyArns"]) == MANAGED


def test_no_policy_has_a_wildcard_but_the_secrets_own_suffix_and_the_models_of_bedrock() -> None:
    for action, resource in set().union(*GRANTS.values()) - INVOKE:
        assert "*" not in action + resource
        assert "?" not in action + resource.removesuffix("-??????")


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - OFF_THE_API))
def test_only_api_gateway_may_call_a_function_and_only_by_its_own_routes(deployed: Json, function: str) -> None:
    permissions = [
        resource["Properties"]
        for resource in deployed["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Permission" and resource["Properties"]["FunctionName"] == {"Ref": function}
    ]
    assert permissions
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        arn = resolve(permission["SourceArn"], {})
        assert re.fullmatch(r"arn:aws:execute-api:AWS::Region:AWS::AccountId:(__ApiId__|Api)/.+/[A-Z]+/.+", arn)


def test_the_first_admin_key_is_made_by_who_deploys_and_by_nobody_else(deployed: Json) -> None:
    permissions = [properties(deployed, name)["FunctionName"] for name in of_type(deployed, "AWS::Lambda::Permission")]
    assert {"Ref": "FirstAdminKeyFunction"} not in permissions
    made = properties(deployed, "FirstAdminKey")
    assert made["ServiceToken"] == {"Fn::GetAtt": ["FirstAdminKeyFunction", "Arn"]}
    assert made["Secret"] == properties(deployed, "AdminKeySecret")["Name"]


CLOCK = {
    "SweepFunction": "cron(0 * * * ? *)",
    "RollUpFunction": "cron(5 * * * ? *)",
    "BuildIndexFunction": "rate(5 minutes)",
}


@pytest.mark.parametrize("function", CLOCK)
def test_what_is_done_again_and_again_is_done_by_the_clock_alone(deployed: Json, function: str) -> None:
    arn = {"Fn::GetAtt": [function, "Arn"]}
    rules = {rule: properties(deployed, rule) for rule in of_type(deployed, "AWS::Events::Rule")}
    ((rule, found),) = [(name, rule) for name, rule in rules.items() if rule["Targets"][0]["Arn"] == arn]
    assert found["ScheduleExpression"] == CLOCK[function]
    assert len(found["Targets"]) == 1
    permissions = [properties(deployed, name) for name in of_type(deployed, "AWS::Lambda::Permission")]
    (one,) = [permission for permission in permissions if permission["FunctionName"] == {"Ref": function}]
    assert one["Principal"] == "events.amazonaws.com"
    assert one["SourceArn"] == {"Fn::GetAtt": [rule, "Arn"]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_are_alike_in_runtime_size_tracing_and_log_group(deployed: Json, function: str) -> None:
    found = properties(deployed, function)
    assert (found["Runtime"], found["Handler"]) == ("python3.13", "app.lambda_handler")
    assert (found["MemorySize"], found["Timeout"]) == (MEMORY.get(function, 512), PATIENT.get(function, 30))
    assert found.get("EphemeralStorage") == ({"Size": 2048} if function in HAVE_AN_INDEX else None)
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert found["LoggingConfig"] == {"LogGroup": {"Ref": "LogGroup"}}
    assert found["Architectures"] == [{"Ref": "Architecture"}]
    gateway, mcp = sorted(of_type(deployed, "AWS::Lambda::LayerVersion"))
    assert resolve(found["Layers"], {}) == ([gateway, mcp] if function in HAVE_THE_SDK else [gateway])


def test_imports_are_checked_with_the_layers_that_a_function_is_deployed_with() -> None:
    lists = tomllib.loads((Path(__file__).parents[2] / "scripts" / "checks" / "imports.toml").read_text())
    assert {f"{name.title().replace('_', '')}Function" for name in lists["beside"]} == HAVE_THE_SDK


def test_the_cpu_is_arm64_unless_asked_otherwise_and_the_layers_serve_both(written: Json, deployed: Json) -> None:
    assert written["Parameters"]["Architecture"]["Default"] == "arm64"
    assert written["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]
    for layer in of_type(deployed, "AWS::Lambda::LayerVersion"):
        assert properties(deployed, layer)["CompatibleArchitectures"] == ["arm64", "x86_64"]
        assert properties(deployed, layer)["CompatibleRuntimes"] == ["python3.13"]


def test_every_setting_is_declared_for_all_functions(written: Json) -> None:
    asked: set[str] = set()

    class Recording(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return {"LOG_PROMPTS": "true"}.get(name, "1")

    Settings.from_env(Recording())
    declared = written["Globals"]["Function"]["Environment"]["Variables"]
    assert asked <= set(declared)
    # What is declared beyond them is read by libraries.
    assert {name for name in declared if name not in asked} == {
        "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM",
    }  # fmt: skip


def test_the_parameters_defaults_are_settings_that_the_functions_take(written: Json) -> None:
    variables = written["Globals"]["Function"]["Environment"]["Variables"]
    defaults = {name: str(parameter["Default"]) for name, parameter in written["Parameters"].items()}
    settings = Settings.from_env(resolve(variables, defaults))
    assert (settings.stage, settings.allowed_origins, settings.log_prompts) == ("dev", ("*",), False)
    assert (settings.request_timeout, settings.request_retention_days) == (28, 90)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_sees_the_declared_variables_and_no_others(written: Json, deployed: Json, function: str) -> None:
    declared = written["Globals"]["Function"]["Environment"]["Variables"]
    assert properties(deployed, function)["Environment"]["Variables"] == declared
