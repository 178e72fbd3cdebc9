"""What the stack keeps is encrypted, can be restored, and ends when it should."""

import tomllib
from typing import Any

import pytest

from gateway.products.parts import INDEXES, SUMMARY
from tests.template.cloudformation import ROOT, Json, resolve

KEY_SCHEMAS = {
    "KeysTable": ["id"],
    "RequestsTable": ["owner", "request_id"],
    "UsageTable": ["owner", "slot"],
    "StateTable": ["id"],
    "ProductsTable": ["id", "part"],
}
PRECIOUS = sorted(set(KEY_SCHEMAS) - {"StateTable"})


def properties(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


@pytest.mark.parametrize("table", sorted(KEY_SCHEMAS))
def test_tables_are_on_demand_and_encrypted(deployed: Json, table: str) -> None:
    found = properties(deployed, table)
    assert found["BillingMode"] == "PAY_PER_REQUEST"
    assert found["SSESpecification"] == {"SSEEnabled": True}
    assert [key["AttributeName"] for key in found["KeySchema"]] == KEY_SCHEMAS[table]
    assert "TableName" not in found  # two stacks side by side share nothing


@pytest.mark.parametrize("table", PRECIOUS)
def test_what_cannot_be_made_again_can_be_restored_and_outlives_the_stack(deployed: Json, table: str) -> None:
    resource = deployed["Resources"][table]
    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_these_are_all_tables(deployed: Json) -> None:
    kinds = {name for name, resource in deployed["Resources"].items() if "DynamoDB" in resource["Type"]}
    assert kinds == set(KEY_SCHEMAS)


def test_the_products_indexes_are_those_that_the_code_asks_and_carry_what_lists_tell(deployed: Json) -> None:
    declared = properties(deployed, "ProductsTable")["GlobalSecondaryIndexes"]
    assert {
        index["IndexName"]: tuple(key["AttributeName"] for key in index["KeySchema"]) for index in declared
    } == INDEXES
    for index in declared:
        assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(SUMMARY)}


def test_the_search_index_is_private_encrypted_and_kept_in_versions_that_end_by_themselves(deployed: Json) -> None:
    resource = deployed["Resources"]["SearchBucket"]
    bucket = resource["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["NoncurrentVersionExpiration"]) == ("Enabled", {"NoncurrentDays": 7})
    assert "BucketName" not in bucket  # two stacks side by side share nothing
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("table", ["RequestsTable", "StateTable"])
def test_what_is_of_interest_for_a_time_ends_by_itself(deployed: Json, table: str) -> None:
    found = properties(deployed, table)["TimeToLiveSpecification"]
    assert found == {"AttributeName": "expires_at", "Enabled": True}


def test_what_is_deleted_of_keys_and_teams_ends_by_itself_but_not_what_has_expired(deployed: Json) -> None:
    found = properties(deployed, "KeysTable")["TimeToLiveSpecification"]
    assert found == {"AttributeName": "purge_at", "Enabled": True}


def test_logs_end_when_the_parameter_says(written: Json, deployed: Json) -> None:
    group = properties(deployed, "LogGroup")
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert written["Parameters"]["LogRetentionDays"]["Default"] == 30
    assert resolve(group["LogGroupName"], {"AWS::StackName": "gw"}) == "/aws/lambda/gw"


def test_the_secret_is_named_by_the_stack_and_starts_empty(deployed: Json) -> None:
    secret = properties(deployed, "ProvidersSecret")
    assert resolve(secret["Name"], {"AWS::StackName": "gw"}) == "gw/providers"
    assert secret["SecretString"] == "{}"


def test_the_override_of_the_models_is_named_by_the_stack_starts_empty_and_may_grow(deployed: Json) -> None:
    parameter = properties(deployed, "ModelsParameter")
    assert resolve(parameter["Name"], {"AWS::StackName": "gw"}) == "/gw/models"
    assert (parameter["Type"], parameter["Value"]) == ("String", "{}")
    assert parameter["Tier"] == "Intelligent-Tiering"


def test_outputs_tell_a_client_and_an_operator_where_everything_is(deployed: Json) -> None:
    known = {
        "AWS::Region": "eu-west-1",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": "gw",
        "Stage": "prod",
        "RequestRetentionDays": "90",
    }
    outputs: dict[str, Any] = {name: resolve(o["Value"], known) for name, o in deployed["Outputs"].items()}
    assert outputs == {
        "BaseUrl": "https://Api.execute-api.eu-west-1.amazonaws.com/prod/api/v1",
        "ApiId": "Api",
        "KeysTable": "KeysTable",
        "RequestsTable": "RequestsTable",
        "UsageTable": "UsageTable",
        "RequestRetentionDays": "90",
        "StateTable": "StateTable",
        "ProductsTable": "ProductsTable",
        "SearchBucket": "SearchBucket",
        "BuildIndexFunction": "BuildIndexFunction",
        "ProvidersSecret": "gw/providers",
        "AdminKeySecret": "gw/admin-key",
        "ModelsParameter": "ModelsParameter",
        "LogGroup": "LogGroup",
    }


@pytest.mark.parametrize(("environment", "stage"), [("default", "dev"), ("prod", "prod")])
def test_samconfig_deploys_dev_and_prod_apart(written: Json, environment: str, stage: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    deploy = config[environment]["deploy"]["parameters"]
    assert f"Stage={stage}" in deploy["parameter_overrides"].split()
    assert deploy["stack_name"] == deploy["s3_prefix"] == f"ai-model-gateway-{stage}"
    assert stage in written["Parameters"]["Stage"]["AllowedValues"]
