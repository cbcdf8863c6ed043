"""The test that proves each property of Serverless Workflow 0.8: what docs/properties.md is made from.

A proof is a test, `folder/file.py::name`, or a page whose example is run by the tests, `docs/states/event.md`. Either
has to use the property by its name.
"""

STATES = "engine/test_engine_states.py::test_"
ERRORS = "engine/test_engine_errors.py::test_"
RETRIES = "engine/test_engine_retries.py::test_"
TIMES = "engine/test_engine_timeouts.py::test_"
CALLS = "worker/test_calls.py::test_"
CONTINUING = "engine/test_engine_continuing.py::test_"
CHILDREN = "worker/test_children.py::test_"
PROPERTIES = "testing/test_properties.py::test_"
REHEARSAL = "testing/test_rehearsal.py::test_"
SCHEDULING = "worker/test_scheduling.py::test_"
LIFE = "engine/test_engine_life_time.py::test_"
COMPENSATION = "engine/test_engine_compensation.py::test_"
SCHEMA = "worker/test_input_schema.py::test_"
RESOURCES = "definitions/test_swf08_resources.py::test_every_property_that_may_be_a_resource_is_read_from_its_file"
ROUTING = "worker/test_routing.py::test_"

_FOR_PEOPLE = f"{PROPERTIES}what_is_for_people_changes_nothing"
_AUTH = f"{PROPERTIES}credentials_reach_the_call"
_UNDOES = f"{PROPERTIES}every_state_but_event_may_compensate"
_LEADS = f"{PROPERTIES}every_state_leads_on_and_ends"
_SUBFLOW = f"{CHILDREN}subflow_runs_on_the_data_of_its_action_and_its_output_is_the_result"
_CONTINUES = f"{REHEARSAL}continuing_is_seen"
_PRODUCES = f"{PROPERTIES}events_on_the_way_have_data_and_attributes"
_PAGES = "docs/states/"

_WAYS = {"transition": _LEADS, "end": _LEADS, "usedForCompensation": _UNDOES}

PROOFS: dict[str, dict[str, str]] = {
    "Workflow": {
        "id": f"{PROPERTIES}start_names_the_first_state",
        "key": f"{PROPERTIES}start_names_the_first_state",
        "name": f"{PROPERTIES}start_names_the_first_state",
        "version": f"{PROPERTIES}start_names_the_first_state",
        "description": _FOR_PEOPLE,
        "annotations": _FOR_PEOPLE,
        "metadata": _FOR_PEOPLE,
        "specVersion": "definitions/test_swf08_load.py::test_mistakes_are_reported_all_at_once",
        "start": f"{PROPERTIES}start_names_the_first_state",
        "states": f"{PROPERTIES}start_names_the_first_state",
        "events": RESOURCES,
        "functions": RESOURCES,
        "errors": RESOURCES,
        "retries": RESOURCES,
        "timeouts": RESOURCES,
        "auth": RESOURCES,
        "secrets": f"{CALLS}secret_reaches_the_callable_and_nothing_else",
        "constants": f"{PROPERTIES}constants_are_values_of_expressions",
        "dataInputSchema": f"{SCHEMA}input_that_breaks_the_schema_starts_nothing",
        "expressionLang": "plan/test_plan_jsonpath.py::test_jsonpath_definition_runs",
        "keepActive": f"{LIFE}kept_instance_ends_when_its_time_is_over",
        "autoRetries": f"{RETRIES}automatic_retries_are_for_every_error",
    },
    "DataInputSchema": {
        "schema": f"{SCHEMA}schema_that_must_not_fail_stops_nothing",
        "failOnValidationErrors": f"{SCHEMA}schema_that_must_not_fail_stops_nothing",
    },
    "Start": {
        "stateName": f"{SCHEDULING}interval_starts_an_instance_at_each_of_its_times",
        "schedule": f"{SCHEDULING}interval_starts_an_instance_at_each_of_its_times",
    },
    "Schedule": {
        "interval": f"{SCHEDULING}interval_of_a_day_keeps_the_time_of_the_day_when_clocks_change",
        "cron": f"{SCHEDULING}cron_in_a_zone_keeps_the_time_of_the_day_when_clocks_go_forward",
        "timezone": f"{SCHEDULING}cron_in_a_zone_keeps_the_time_of_the_day_when_clocks_go_forward",
    },
    "Cron": {
        "expression": "plan/test_plan_schedule.py::test_cron_ends_when_it_is_no_longer_valid",
        "validUntil": "plan/test_plan_schedule.py::test_cron_ends_when_it_is_no_longer_valid",
    },
    "StateNode": {
        "id": _FOR_PEOPLE,
        "name": _FOR_PEOPLE,
        "metadata": _FOR_PEOPLE,
        "stateDataFilter": f"{STATES}state_data_filters",
        "timeouts": f"{TIMES}timeout_of_the_state_goes_before_that_of_the_workflow",
        "compensatedBy": _UNDOES,
    },
    "HandlingState": {"onErrors": f"{ERRORS}error_takes_the_way_that_its_state_names"},
    "EventState": {
        "exclusive": f"{_PAGES}event.md",
        "onEvents": f"{_PAGES}event.md",
        "transition": _LEADS,
        "end": _LEADS,
    },
    "OperationState": {"actions": f"{_PAGES}operation.md", "actionMode": f"{_PAGES}operation.md", **_WAYS},
    "SwitchState": {
        "dataConditions": f"{_PAGES}switch.md",
        "eventConditions": f"{_PAGES}switch.md",
        "defaultCondition": f"{_PAGES}switch.md",
        "usedForCompensation": _UNDOES,
    },
    "SleepState": {"duration": f"{_PAGES}sleep.md", **_WAYS},
    "ParallelState": {
        "branches": f"{_PAGES}parallel.md",
        "completionType": f"{_PAGES}parallel.md",
        "numCompleted": f"{_PAGES}parallel.md",
        **_WAYS,
    },
    "InjectState": {"data": f"{_PAGES}inject.md", **_WAYS},
    "ForEachState": {
        "inputCollection": f"{_PAGES}foreach.md",
        "outputCollection": f"{_PAGES}foreach.md",
        "iterationParam": f"{_PAGES}foreach.md",
        "batchSize": f"{_PAGES}foreach.md",
        "mode": f"{STATES}foreach_answers_in_any_order_stand_in_the_order_of_the_items",
        "actions": f"{_PAGES}foreach.md",
        **_WAYS,
    },
    "CallbackState": {
        "action": f"{_PAGES}callback.md",
        "eventRef": f"{_PAGES}callback.md",
        "eventDataFilter": f"{_PAGES}callback.md",
        **_WAYS,
    },
    "OnEvents": {
        "eventRefs": f"{_PAGES}event.md",
        "actions": f"{_PAGES}event.md",
        "actionMode": f"{STATES}reply_is_found_by_the_asyncapi_correlation_id",
        "eventDataFilter": f"{_PAGES}event.md",
    },
    "Branch": {
        "name": _FOR_PEOPLE,
        "actions": f"{_PAGES}parallel.md",
        "timeouts": f"{PROPERTIES}branch_that_takes_too_long_is_an_error",
    },
    "DataCondition": {
        "name": _FOR_PEOPLE,
        "condition": f"{_PAGES}switch.md",
        "transition": f"{_PAGES}switch.md",
        "end": f"{_PAGES}callback.md",
        "metadata": _FOR_PEOPLE,
    },
    "EventCondition": {
        "name": _FOR_PEOPLE,
        "eventRef": f"{_PAGES}switch.md",
        "transition": f"{PROPERTIES}event_that_decides_is_filtered",
        "end": f"{PROPERTIES}event_that_decides_is_filtered",
        "eventDataFilter": f"{PROPERTIES}event_that_decides_is_filtered",
        "metadata": _FOR_PEOPLE,
    },
    "DefaultCondition": {"transition": _LEADS, "end": _LEADS},
    "Action": {
        "id": _FOR_PEOPLE,
        "name": _FOR_PEOPLE,
        "functionRef": f"{CALLS}call_gives_its_result_to_the_action",
        "eventRef": f"{_PAGES}operation.md",
        "subFlowRef": _SUBFLOW,
        "condition": f"{_PAGES}operation.md",
        "sleep": f"{STATES}action_sleeps_before_and_after",
        "actionDataFilter": f"{_PAGES}operation.md",
        "retryRef": f"{RETRIES}retry_waits_as_its_policy_says",
        "retryableErrors": f"{RETRIES}only_retryable_errors_are_retried",
        "nonRetryableErrors": f"{RETRIES}automatic_retries_leave_out_what_the_action_names",
    },
    "FunctionRef": {
        "refName": f"{REHEARSAL}functions_are_stubbed",
        "arguments": f"{REHEARSAL}functions_are_stubbed",
        "invoke": f"{CALLS}async_call_is_made_and_nobody_waits",
        "selectionSet": f"{PROPERTIES}selection_reaches_the_call",
    },
    "EventRef": {
        "triggerEventRef": f"{_PAGES}operation.md",
        "resultEventRef": f"{_PAGES}operation.md",
        "resultEventTimeout": f"{PROPERTIES}answer_that_takes_too_long_is_an_error",
        "data": f"{_PAGES}operation.md",
        "contextAttributes": f"{PROPERTIES}trigger_has_attributes_and_nobody_may_wait",
        "invoke": f"{PROPERTIES}trigger_has_attributes_and_nobody_may_wait",
    },
    "SubFlowRef": {
        "workflowId": f"{CHILDREN}subflow_of_a_version_is_that_version",
        "version": f"{CHILDREN}subflow_of_a_version_is_that_version",
        "invoke": f"{CHILDREN}asynchronous_child_that_fails_is_no_error_of_its_parent",
        "onParentComplete": f"{CHILDREN}parent_that_completes_ends_the_children_that_may_not_go_on_alone",
    },
    "Sleep": {
        "before": f"{STATES}action_sleeps_before_and_after",
        "after": f"{STATES}action_sleeps_before_and_after",
    },
    "StateDataFilter": {"input": f"{STATES}state_data_filters", "output": f"{STATES}state_data_filters"},
    "EventDataFilter": {
        "useData": f"{_PAGES}event.md",
        "data": f"{_PAGES}event.md",
        "toStateData": f"{_PAGES}event.md",
    },
    "ActionDataFilter": {
        "fromStateData": f"{STATES}operation_filters_what_an_action_sees_and_gives",
        "useResults": f"{STATES}operation_calls_expressions_one_after_the_other",
        "results": f"{_PAGES}operation.md",
        "toStateData": f"{_PAGES}operation.md",
    },
    "Transition": {
        "nextState": f"{PROPERTIES}start_names_the_first_state",
        "produceEvents": _PRODUCES,
        "compensate": f"{COMPENSATION}transition_may_compensate_before_it_is_taken",
    },
    "End": {
        "terminate": f"{STATES}end_terminates_whatever_else_goes_on",
        "produceEvents": _PRODUCES,
        "compensate": f"{COMPENSATION}end_compensates_then_publishes_then_continues",
        "continueAs": _CONTINUES,
    },
    "ProduceEvent": {"eventRef": _PRODUCES, "data": _PRODUCES, "contextAttributes": _PRODUCES},
    "ContinueAs": {
        "workflowId": _CONTINUES,
        "version": _CONTINUES,
        "data": _CONTINUES,
        "workflowExecTimeout": f"{CONTINUING}time_of_the_one_that_goes_on_is_the_given_one",
    },
    "OnError": {
        "errorRef": f"{ERRORS}error_takes_the_way_that_its_state_names",
        "errorRefs": f"{PROPERTIES}answer_that_takes_too_long_is_an_error",
        "transition": f"{ERRORS}handler_sees_the_data_as_far_as_the_state_got",
        "end": f"{ERRORS}handler_may_end_the_path_and_publish_on_its_way",
    },
    "ErrorDef": {
        "name": f"{ERRORS}error_takes_the_way_that_its_state_names",
        "code": f"{ERRORS}code_of_an_error_is_matched",
        "description": _FOR_PEOPLE,
    },
    "RetryDef": {
        "name": f"{RETRIES}retry_waits_as_its_policy_says",
        "delay": f"{RETRIES}retry_waits_as_its_policy_says",
        "increment": f"{RETRIES}retry_waits_as_its_policy_says",
        "multiplier": f"{RETRIES}retry_waits_as_its_policy_says",
        "maxAttempts": f"{RETRIES}retry_waits_as_its_policy_says",
        "maxDelay": f"{RETRIES}retry_has_jitter_and_a_cap",
        "jitter": f"{RETRIES}retry_has_jitter_and_a_cap",
    },
    "Timeouts": {
        "workflowExecTimeout": f"{LIFE}state_may_run_before_the_end",
        "stateExecTimeout": f"{TIMES}timeout_of_the_state_goes_before_that_of_the_workflow",
        "actionExecTimeout": f"{TIMES}timeout_of_the_state_goes_before_that_of_the_workflow",
        "branchExecTimeout": f"{PROPERTIES}branch_that_takes_too_long_is_an_error",
        "eventTimeout": f"{TIMES}timeout_of_the_state_goes_before_that_of_the_workflow",
    },
    "WorkflowExecTimeout": {
        "duration": f"{LIFE}what_runs_may_come_to_its_end",
        "interrupt": f"{LIFE}what_runs_may_come_to_its_end",
        "runBefore": f"{LIFE}state_may_run_before_the_end",
    },
    "StateTimeouts": {
        "stateExecTimeout": f"{TIMES}timeout_is_an_error_that_the_state_handles",
        "actionExecTimeout": f"{TIMES}timeout_is_an_error_that_the_state_handles",
        "branchExecTimeout": f"{PROPERTIES}branch_that_takes_too_long_is_an_error",
        "eventTimeout": f"{TIMES}wait_that_is_over_leaves_the_state_without_its_actions",
    },
    "StateExecTimeout": {
        "single": f"{TIMES}single_time_of_a_state_begins_anew_with_each_retry",
        "total": f"{TIMES}total_time_of_a_state_holds_over_its_retries",
    },
    "EventDef": {
        "name": f"{_PAGES}event.md",
        "source": f"{_PAGES}event.md",
        "type": f"{_PAGES}event.md",
        "kind": f"{_PAGES}event.md",
        "correlation": f"{_PAGES}event.md",
        "dataOnly": f"{STATES}event_state_merges_the_whole_event_where_data_only_is_false",
        "metadata": _FOR_PEOPLE,
    },
    "Correlation": {
        "contextAttributeName": f"{_PAGES}event.md",
        "contextAttributeValue": f"{STATES}event_state_correlates_by_fixed_and_computed_values",
    },
    "FunctionDef": {
        "name": f"{REHEARSAL}functions_are_stubbed",
        "operation": f"{REHEARSAL}functions_are_stubbed",
        "type": f"{REHEARSAL}functions_are_stubbed",
        "authRef": _AUTH,
        "metadata": _FOR_PEOPLE,
    },
    "AuthDef": dict.fromkeys(("name", "scheme", "properties"), _AUTH),
    "BasicAuth": {**dict.fromkeys(("username", "password"), _AUTH), "metadata": _FOR_PEOPLE},
    "BearerAuth": {"token": _AUTH, "metadata": _FOR_PEOPLE},
    "OAuth2Auth": {
        **dict.fromkeys(("authority", "grantType", "clientId", "clientSecret", "scopes", "username"), _AUTH),
        **dict.fromkeys(("password", "audiences", "subjectToken", "requestedSubject", "requestedIssuer"), _AUTH),
        "metadata": _FOR_PEOPLE,
    },
}
"""Struct of the model -> property -> proof."""

PLACES = {
    "Workflow": "The workflow",
    "DataInputSchema": "`dataInputSchema`",
    "Start": "`start`",
    "Schedule": "`schedule`",
    "Cron": "`cron`",
    "StateNode": "Every state",
    "HandlingState": "Every state but inject",
    "EventState": "Event state",
    "OperationState": "Operation state",
    "SwitchState": "Switch state",
    "SleepState": "Sleep state",
    "ParallelState": "Parallel state",
    "InjectState": "Inject state",
    "ForEachState": "ForEach state",
    "CallbackState": "Callback state",
    "OnEvents": "`onEvents`",
    "Branch": "`branches`",
    "DataCondition": "`dataConditions`",
    "EventCondition": "`eventConditions`",
    "DefaultCondition": "`defaultCondition`",
    "Action": "Actions",
    "FunctionRef": "`functionRef`",
    "EventRef": "`eventRef` of an action",
    "SubFlowRef": "`subFlowRef`",
    "Sleep": "`sleep` of an action",
    "StateDataFilter": "`stateDataFilter`",
    "EventDataFilter": "`eventDataFilter`",
    "ActionDataFilter": "`actionDataFilter`",
    "Transition": "`transition`",
    "End": "`end`",
    "ProduceEvent": "`produceEvents`",
    "ContinueAs": "`continueAs`",
    "OnError": "`onErrors`",
    "ErrorDef": "`errors`",
    "RetryDef": "`retries`",
    "Timeouts": "`timeouts` of the workflow",
    "WorkflowExecTimeout": "`workflowExecTimeout`",
    "StateTimeouts": "`timeouts` of a state or a branch",
    "StateExecTimeout": "`stateExecTimeout`",
    "EventDef": "`events`",
    "Correlation": "`correlation`",
    "FunctionDef": "`functions`",
    "AuthDef": "`auth`",
    "BasicAuth": "`properties` of the scheme basic",
    "BearerAuth": "`properties` of the scheme bearer",
    "OAuth2Auth": "`properties` of the scheme oauth2",
}
"""Struct of the model -> its heading."""

OFFICIAL = {
    "action": ("Action",),
    "actiondatafilter": ("ActionDataFilter",),
    "authdef": ("AuthDef",),
    "basicpropsdef": ("BasicAuth",),
    "bearerpropsdef": ("BearerAuth",),
    "branch": ("Branch",),
    "callbackstate": ("CallbackState", "HandlingState", "StateNode"),
    "continueasdef": ("ContinueAs",),
    "correlationDef": ("Correlation",),
    "crondef": ("Cron",),
    "databasedswitchstate": ("SwitchState", "HandlingState", "StateNode"),
    "defaultconditiondef": ("DefaultCondition",),
    "end": ("End",),
    "enddatacondition": ("DataCondition",),
    "enddeventcondition": ("EventCondition",),
    "error": ("OnError",),
    "errordef": ("ErrorDef",),
    "eventbasedswitchstate": ("SwitchState", "HandlingState", "StateNode"),
    "eventdatafilter": ("EventDataFilter",),
    "eventdef": ("EventDef",),
    "eventref": ("EventRef",),
    "eventstate": ("EventState", "HandlingState", "StateNode"),
    "foreachstate": ("ForEachState", "HandlingState", "StateNode"),
    "function": ("FunctionDef",),
    "functionref": ("FunctionRef",),
    "injectstate": ("InjectState", "StateNode"),
    "oauth2propsdef": ("OAuth2Auth",),
    "onevents": ("OnEvents",),
    "operationstate": ("OperationState", "HandlingState", "StateNode"),
    "parallelstate": ("ParallelState", "HandlingState", "StateNode"),
    "produceeventdef": ("ProduceEvent",),
    "retrydef": ("RetryDef",),
    "schedule": ("Schedule",),
    "sleep": ("Sleep",),
    "sleepstate": ("SleepState", "HandlingState", "StateNode"),
    "startdef": ("Start",),
    "stateExecTimeout": ("StateExecTimeout",),
    "statedatafilter": ("StateDataFilter",),
    "subflowref": ("SubFlowRef",),
    "transition": ("Transition",),
    "transitiondatacondition": ("DataCondition",),
    "transitioneventcondition": ("EventCondition",),
    "workflow": ("Workflow",),
    "workflowExecTimeout": ("WorkflowExecTimeout",),
}
"""Definition of the official schema -> the structs that have its properties; nested objects are named below."""

NESTED = {"timeouts": "StateTimeouts", "dataInputSchema": "DataInputSchema"}
"""Property with properties of its own -> its struct."""
