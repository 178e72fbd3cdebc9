"""SAM's transform: a template comes in as JSON, what CloudFormation deploys goes out. Run by the sam environment."""

import json
import sys

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]

translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
json.dump(translator.translate(json.load(sys.stdin), {}), sys.stdout)
