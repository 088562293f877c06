"""The project's own SAM template as plain CloudFormation for the local AWS.

SAM's own translation. What the local AWS cannot make is left out, and one thing is added: an HTTP API is expanded
from its OpenAPI body into integration, route and authorizer resources, because the local AWS does not read that body.
"""

import logging
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "x-amazon-apigateway-any-method"}


class NoManagedPolicies:
    """SAM asks this for AWS's managed policies by name; the template names none."""

    def load(self) -> dict[str, str]:
        return {}


def translate(template: Path, code: dict[str, dict[str, str]], parameters: dict[str, str]) -> dict[str, Any]:
    """CloudFormation for the template, with every CodeUri and ContentUri replaced by an uploaded object.

    Args:
        template: the SAM template's path.
        code: ``{"Bucket", "Key"}`` by the local folder that the template names.
        parameters: the stack's parameters; the local AWS takes a concurrency only as a number.
    """
    source = yaml_parse(template.read_text())
    for resource in source["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            folder = resource.get("Properties", {}).get(name)
            if isinstance(folder, str):
                place = code[folder]
                resource["Properties"][name] = f"s3://{place['Bucket']}/{place['Key']}"
    made = by_sam(source)
    made["Resources"] = {name: one for name, one in made["Resources"].items() if _is_known(one)}
    for resource in made["Resources"].values():
        resource.pop("UpdatePolicy", None)
        _allow_batches(resource.get("Properties", {}))
        scaling = resource.get("Properties", {}).get("ScalingConfig")
        if scaling and isinstance(scaling["MaximumConcurrency"], dict):
            scaling["MaximumConcurrency"] = int(parameters[scaling["MaximumConcurrency"]["Ref"]])
    return _expand_http_apis(made)


def by_sam(source: dict[str, Any]) -> dict[str, Any]:
    """SAM's own translation of a parsed template, as AWS makes it. The source is changed."""
    for name in ("samtranslator.metrics", "samtranslator.feature_toggle.feature_toggle"):
        logging.getLogger(name).setLevel(logging.ERROR)
    made: dict[str, Any] = transform(source, {}, NoManagedPolicies(), passthrough_metadata=False)
    return made


def _is_known(resource: dict[str, Any]) -> bool:
    """Whether the local AWS can make a resource: it has no alarms on several metrics, no dashboards, no CodeDeploy.

    Without CodeDeploy CloudFormation itself points an alias at its new version, all at once.
    """
    several = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    of_codedeploy = resource["Type"].startswith("AWS::CodeDeploy::") or "codedeploy.amazonaws.com" in str(resource)
    return not several and not of_codedeploy and resource["Type"] != "AWS::CloudWatch::Dashboard"


def _allow_batches(properties: dict[str, Any]) -> None:
    """AWS allows SendMessageBatch where it allows SendMessage; the local AWS checks it as a separate action."""
    for policy in properties.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            if "sqs:SendMessage" in actions and isinstance(actions, list):
                actions.append("sqs:SendMessageBatch")


def folders(template: Path) -> tuple[list[str], list[str]]:
    """The folders of function code and of layer content that the template names."""
    resources = yaml_parse(template.read_text())["Resources"].values()
    functions = [r["Properties"]["CodeUri"] for r in resources if r["Type"] == "AWS::Serverless::Function"]
    layers = [r["Properties"]["ContentUri"] for r in resources if r["Type"] == "AWS::Serverless::LayerVersion"]
    return functions, layers


def _expand_http_apis(template: dict[str, Any]) -> dict[str, Any]:
    resources = template["Resources"]
    apis = [name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGatewayV2::Api"]
    for api in apis:
        body = resources[api]["Properties"].pop("Body")
        resources[api]["Properties"].update(Name=f"driveway-{api}", ProtocolType="HTTP")
        authorizers = _authorizers(api, body, resources)
        for path, operations in body["paths"].items():
            for method, operation in operations.items():
                if method in METHODS:
                    _route(api, path, method, operation, authorizers, resources)
    return template


def _authorizers(api: str, body: dict[str, Any], resources: dict[str, Any]) -> dict[str, str]:
    names = {}
    for scheme, definition in body.get("components", {}).get("securitySchemes", {}).items():
        details = definition["x-amazon-apigateway-authorizer"]
        names[scheme] = f"{api}{scheme}Authorizer"
        resources[names[scheme]] = {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "ApiId": {"Ref": api},
                "Name": scheme,
                "AuthorizerType": "REQUEST",
                "AuthorizerUri": details["authorizerUri"],
                "AuthorizerPayloadFormatVersion": details["authorizerPayloadFormatVersion"],
                "EnableSimpleResponses": details["enableSimpleResponses"],
                "AuthorizerResultTtlInSeconds": details.get("authorizerResultTtlInSeconds", 0),
                "IdentitySource": list(filter(None, [details.get("identitySource")])),
            },
        }
    return names


def _route(
    api: str, path: str, method: str, operation: dict[str, Any], authorizers: dict[str, str], resources: dict[str, Any]
) -> None:
    stem = api + "".join(
        part.title() for part in f"{method} {path}".replace("/", " ").split() for part in [_bare(part)]
    )
    integration = operation["x-amazon-apigateway-integration"]
    resources[f"{stem}Integration"] = {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": api},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": integration["uri"],
            "PayloadFormatVersion": integration["payloadFormatVersion"],
        },
    }
    verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
    properties: dict[str, Any] = {
        "ApiId": {"Ref": api},
        "RouteKey": "$default" if path == "$default" else f"{verb} {path}",
        "Target": {"Fn::Join": ["/", ["integrations", {"Ref": f"{stem}Integration"}]]},
        "AuthorizationType": "NONE",
    }
    for requirement in operation.get("security", []):
        for scheme in requirement:
            if scheme in authorizers:
                properties.update(AuthorizationType="CUSTOM", AuthorizerId={"Ref": authorizers[scheme]})
    resources[f"{stem}Route"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _bare(part: str) -> str:
    return "".join(c for c in part if c.isalnum())
