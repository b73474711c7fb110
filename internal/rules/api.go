package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"scalable-backend/internal/graph"
)

func apiRules() []Rule {
	api, stage := of(restAPI), of(apiStage)
	settings := of(apiSettings).with("*/*", "methodPath")
	return []Rule{
		{"stage-access-log", ids("S-APIG1 C_76 T0001"), "Access is logged as JSON; the stage waits for the logging role", Everywhere,
			stage, that(stageLog)},
		{"stage-execution-log", ids("S-APIG6 APIGateway.1 C2_4 R-APIGWExecutionLoggingEnabled"),
			"Execution logs and metrics are on, for every method", Everywhere,
			stage, satellite(apiSettings, "stageName", all(is("*/*", "methodPath"), oneOfPath([]any{"settings", "loggingLevel"}, "ERROR", "INFO"),
				is(true, "settings", "metricsEnabled")))},
		{"no-data-trace", ids("C_276"), "Request bodies are not logged", Everywhere,
			of(apiSettings), is(false, "settings", "dataTraceEnabled")},
		{"api-iam", ids("S-APIG4 C_59 C2_70 T0004"), "Every method requires an IAM signature", Everywhere,
			api, eachOperation(func(_ map[string]any, o map[string]any) string {
				if at(o, "x-amazon-apigateway-auth", "type") != "AWS_IAM" || at(o, "security", 0, "sigv4") == nil {
					return "it accepts calls without a signature"
				}
				return ""
			})},
		{"api-cognito", ids("S-COG4"), "Every method requires a Cognito user", Everywhere,
			api, that(func(_ *World, r graph.Resource) string {
				var body struct {
					Components struct {
						SecuritySchemes map[string]struct {
							Kind string `json:"x-amazon-apigateway-authtype"`
						} `json:"securitySchemes"`
					} `json:"components"`
				}
				if err := json.Unmarshal([]byte(text(r, "body")), &body); err != nil {
					return err.Error()
				}
				for _, s := range body.Components.SecuritySchemes {
					if s.Kind == "cognito_user_pools" {
						return ""
					}
				}
				return "it has no Cognito authorizer"
			})},
		{"api-validators", ids("S-APIG2 C2_53"), "Every method validates its requests", Everywhere,
			api, eachOperation(func(body, o map[string]any) string {
				name, _ := at(o, "x-amazon-apigateway-request-validator").(string)
				v := at(body, "x-amazon-apigateway-request-validators", name)
				if at(v, "validateRequestBody") != true || at(v, "validateRequestParameters") != true {
					return "it does not validate requests"
				}
				return ""
			})},
		{"api-tracing", ids("APIGateway.3 C_73 T0003"), "Requests are traced", Production, stage, is(true, "xrayTracingEnabled")},
		{"api-waf", ids("APIGateway.4 C2_29 R-APIGWAssociatedWithWAF S-APIG3"), "A web ACL protects the API", Production,
			stage, satellite(webACLAssociation, "resourceArn", refers("webAclArn", webACL))},
		{"api-client-certificate", ids("APIGateway.2 C2_51 R-APIGWSSLEnabled"), "The API sends a client certificate to the backend", Production,
			stage, has("clientCertificateId")},
		{"api-cache", ids("C_120 C_225 T0190 R-APIGWCacheEnabledAndEncrypted G-apigateway-stage-cached G-apigateway-method-cached-and-encrypted"),
			"Responses are cached", Everywhere, settings, is(true, "settings", "cachingEnabled")},
		{"api-cache-encrypted", ids("APIGateway.5 C_308 T0002"), "Cached responses are encrypted", Everywhere,
			settings, that(func(_ *World, r graph.Resource) string {
				if equal(get(r, "settings", "cachingEnabled"), true) && !equal(get(r, "settings", "cacheDataEncrypted"), true) {
					return "its cache is not encrypted"
				}
				return ""
			})},
		{"api-replaced-in-place", ids("C_217 C_237"), "A new API or deployment is created before the old is deleted", Everywhere,
			of(restAPI, apiDeployment), that(func(_ *World, r graph.Resource) string {
				if r.DeleteBeforeReplace {
					return "the old one is deleted before the new one is created"
				}
				return ""
			})},
		{"api-redeployed", nil, "A change of the API's document triggers a deployment", Everywhere, of(apiDeployment), has("triggers")},
		{"api-throttled", ids("REL05-BP02"), "Requests are throttled", Everywhere,
			settings, all(atLeast(1, "settings", "throttlingRateLimit"), atLeast(1, "settings", "throttlingBurstLimit"))},
	}
}

func stageLog(w *World, r graph.Resource) string {
	if len(w.To(r, "accessLogSettings", logGroup)) == 0 {
		return "its log group is not in the graph"
	}
	format := map[string]any{}
	if err := json.Unmarshal([]byte(text(r, "accessLogSettings", "format")), &format); err != nil {
		return fmt.Sprintf("the format is not a JSON object: %v", err)
	}
	// Without the account's role AWS refuses the stage. A stack that does not manage the role relies on another stack.
	for _, account := range w.Type(apiAccount) {
		if !slices.Contains(r.DependsOn, account.Key()) {
			return "it does not wait for " + account.Name
		}
	}
	return ""
}

var methods = []string{"get", "put", "post", "delete", "patch", "head", "options", "x-amazon-apigateway-any-method"}

// eachOperation checks every operation of the API's document, and that there is at least one.
func eachOperation(check func(body, operation map[string]any) string) Check {
	return func(_ *World, r graph.Resource) (problems []Problem) {
		var body map[string]any
		if err := json.Unmarshal([]byte(text(r, "body")), &body); err != nil {
			return []Problem{{Text: "body is not a JSON document: " + err.Error()}}
		}
		paths, _ := body["paths"].(map[string]any)
		n := 0
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			for _, method := range methods {
				operation, ok := at(paths[path], method).(map[string]any)
				if !ok {
					continue
				}
				n++
				if s := check(body, operation); s != "" {
					problems = append(problems, Problem{Part: method + " " + path, Text: s})
				}
			}
		}
		if n == 0 {
			problems = append(problems, Problem{Text: "it has no operations"})
		}
		return problems
	}
}
