"""What the services do in each example of the 0.8 specification, and what has to come of it.

The examples are read where they lie, never copied. Where an example, run as it is printed, does not do what its page
says, the scene says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evenweave.plan.duration import Duration

if TYPE_CHECKING:
    from evenweave.testing import Flow, Rehearsal

DAY_MS = 86_400_000


@dataclass
class Scene:
    """One run of an example.

    Attributes:
        input: The input of the instance.
        events: What comes, in order: name, data, context attributes, after how many milliseconds.
        replies: The data of the answer to each trigger.
        functions: What functions return, in turn; an error where it is a text that begins with ``!``.
        subflows: What subflows end with.
        output: The output; left out where the example's own expressions make none worth comparing.
        path: The states that it goes through.
        published: The names and data of what it publishes.
        calls: The functions that it calls, with their arguments.
        took_s: How long it takes.
        status: How it ends.
        continues: The definition that goes on in its place.
    """

    path: list[str]
    input: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, Any, dict[str, Any], int]] = field(default_factory=list)
    replies: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, list[Any]] = field(default_factory=dict)
    subflows: dict[str, Any] = field(default_factory=dict)
    output: Any = ...
    published: list[tuple[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    took_s: float = 0
    status: str = "completed"
    continues: str | None = None

    def play(self, flow: Flow, *, interrupted: bool = False) -> Rehearsal:
        """Run it to its end."""
        run = flow.rehearse(interrupted=interrupted)
        for trigger, data in self.replies.items():
            run.reply(trigger, data)
        for name, results in self.functions.items():
            for result in results:
                if isinstance(result, str) and result.startswith("!"):
                    run.function(name, error=result[1:])
                else:
                    run.function(name, result)
        for name, output in self.subflows.items():
            run.subflow(name, output)
        run.start(self.input)
        for name, data, attributes, after_ms in self.events:
            run.send(name, data, after=Duration(0, after_ms), **attributes)
        run.finish()
        return run


JOHN = {"person": {"name": "John"}}
WELCOME = "Welcome to Serverless Workflow, John!"
ORDERS = [{"id": "123", "item": "laptop", "quantity": "10"}, {"id": "456", "item": "desktop", "quantity": "4"}]
PROVISIONED = [{"id": "123", "outcome": "SUCCESS"}, {"id": "456", "outcome": "FAILURE"}]
MIA = {"name": "Mia", "breed": "German Shepherd", "age": 5, "reason": "Bee sting", "patientId": "Mia1"}
APPLICANT = {"fname": "John", "lname": "Stockton", "age": 22, "email": "js@something.com"}
JOB = {"jobuid": {"jobuid": {"jobuid": "j1"}}}
PAID = {"customer": "c1", "accountId": "a1", "payment": {"amount": 5}}
FIGURES = {"2+2": 4, "4-1": 3, "10x3": 30, "20/2": 10}


def monitored(event: str, function: str) -> Scene:
    """A patient is monitored: one kind of event, one function."""
    # The arguments read `.patientId`, which the page says is a context attribute: it is not in the data.
    return Scene(
        events=[(event, {"value": "98.6F"}, {"patientId": "PID-12345"}, 0)],
        functions={function: [{"told": True}]},
        path=["MonitorVitals"],
        output={"value": "98.6F", "told": True},
        calls=[(function, {"patientid": None})],
    )


def job(status: str, state: str, function: str) -> Scene:
    """A job is monitored until it says that it is over."""
    # Output filters cut the data down to one member whose own members are read later: the results are nested for that.
    looks = [{"jobstatus": {"jobstatus": {"jobuid": "j1", "jobStatus": each}}} for each in ("RUNNING", status)]
    looks[0]["jobstatus"]["jobstatus"] |= {"jobuid": "j1"}
    again = ["WaitForCompletion", "GetJobStatus", "DetermineCompletion"]
    return Scene(
        input={"job": {"name": "sort"}},
        functions={"submitJob": [JOB], "checkJobStatus": looks, function: [{"reported": True}]},
        path=["SubmitJob", *again, *again, state],
        output={"jobuid": "j1", "jobStatus": status, "reported": True},
        calls=[
            ("submitJob", {"name": "sort"}),
            ("checkJobStatus", {"name": "j1"}),
            ("checkJobStatus", {"name": "j1"}),
            (function, {"name": "j1"}),
        ],
        took_s=10,
    )


def funded(available: str, state: str, function: str) -> Scene:
    """A payment is confirmed, or not."""
    return Scene(
        events=[("PaymentReceivedEvent", PAID, {"accountid": "a1"}, 0)],
        functions={"checkFundsAvailability": [{"funds": {"available": available}}], function: [None]},
        path=["PaymentReceived", "ConfirmBasedOnFunds", state],
        output={**PAID, "funds": {"available": available}},
        published=[("ConfirmationCompletedEvent", {"amount": 5})],
        calls=[
            ("checkFundsAvailability", {"account": "a1", "paymentamount": 5}),
            (function, {"applicant": "c1"}),
        ],
    )


def visa(event: str | None, state: str, flow: str) -> Scene:
    """A visa is approved, rejected, or nothing comes for an hour."""
    return Scene(
        events=[] if event is None else [(event, {"visa": 1}, {}, 60_000)],
        subflows={flow: {"handled": True}},
        path=["CheckVisaStatus", state],
        output={"handled": True} if event is None else {"visa": 1, "handled": True},
        took_s=3600 if event is None else 60,
    )


def provision(error: str | None, state: str, flow: str) -> Scene:
    """An order is provisioned, or one of three errors is raised."""
    order = {"order": {"id": "", "item": "laptop", "quantity": "10"}}
    return Scene(
        input=order,
        functions={"provisionOrderFunction": [f"!{error}" if error else {"exceptions": {"none": True}}]},
        subflows={flow: {"handled": True}},
        path=["ProvisionOrder", state],
        output={"handled": True, **(order if error else {"none": True})},
        calls=[("provisionOrderFunction", order)],
    )


MESSAGES = {"messages": [{"title": "a"}, {"title": "b"}]}
ORDER = ("OrderCreatedEvent", {"n": 1}, {"orderid": "o1"}, 0)
LOGGED: dict[str, list[Any]] = {name: [None] for name in ("LogNewOrderCreated", "LogOrderConfirmed", "LogOrderShipped")}

SCENES: dict[str, list[Scene]] = {
    "helloworld": [Scene(path=["Hello State"], output={"result": "Hello World!"})],
    "greeting": [
        Scene(
            input=JOHN,
            functions={"greetingFunction": [{"greeting": WELCOME}]},
            path=["Greet"],
            output={**JOHN, "response": WELCOME},  # text that goes nowhere in particular: see the docs on merging
            calls=[("greetingFunction", {"name": "John"})],
        )
    ],
    "eventbasedgreeting": [
        Scene(
            events=[("GreetingEvent", {"greet": {"name": "John"}}, {}, 0)],
            functions={"greetingFunction": [{"payload": {"greeting": WELCOME}}]},
            path=["Greet"],
            output=WELCOME,
            calls=[("greetingFunction", {"name": "John"})],
        )
    ],
    "solvemathproblems": [
        Scene(
            input={"expressions": list(FIGURES)},
            functions={"solveMathExpressionFunction": list(FIGURES.values())},
            path=["Solve"],
            output=[4, 3, 30, 10],
            calls=[("solveMathExpressionFunction", {"expression": each}) for each in FIGURES],
        )
    ],
    "parallelexec": [
        Scene(
            subflows={"shortdelayworkflowid": {"short": 1}, "longdelayworkflowid": {"long": 2}},
            path=["ParallelExec"],
            output={"short": 1, "long": 2},
        )
    ],
    "sendcustomeremail": [
        Scene(
            input={"customer": "c1"},
            functions={"emailFunction": [{"sent": True}]},
            path=["Send Email"],
            output={"customer": "c1"},
            calls=[("emailFunction", {"customer": "c1"})],
        )
    ],
    "onboardcustomer": [
        Scene(input={"c": 1}, subflows={"customeronboardingworkflow": {"d": 2}}, path=["Onboard"], output={"c": 1})
    ],
    "eventbasedswitchstate": [
        visa("visaApprovedEvent", "HandleApprovedVisa", "handleApprovedVisaWorkflowID"),
        visa("visaRejectedEvent", "HandleRejectedVisa", "handleRejectedVisaWorkflowID"),
        visa(None, "HandleNoVisaDecision", "handleNoVisaDecisionWorkflowId"),
    ],
    "applicantrequest": [
        # The conditions read `.applicants`, the page's data has `applicant`: nobody is of age there.
        Scene(
            input={"applicant": APPLICANT},
            functions={"sendRejectionEmailFunction": [None]},
            path=["CheckApplication", "RejectApplication"],
            output={"applicant": APPLICANT},
            calls=[("sendRejectionEmailFunction", {"applicant": APPLICANT})],
        ),
        Scene(
            input={"applicants": APPLICANT},
            subflows={"startApplicationWorkflowId": {"started": True}},
            path=["CheckApplication", "StartApplication"],
            output={"applicants": APPLICANT, "started": True},
        ),
    ],
    "provisionorders": [
        provision(None, "ApplyOrder", "applyOrderWorkflowId"),
        provision("Missing order id", "MissingId", "handleMissingIdExceptionWorkflow"),
        provision("Missing order item", "MissingItem", "handleMissingItemExceptionWorkflow"),
        provision("Missing order quantity", "MissingQuantity", "handleMissingQuantityExceptionWorkflow"),
    ],
    "jobmonitoring": [
        job("SUCCEEDED", "JobSucceeded", "reportJobSuceeded"),
        job("FAILED", "JobFailed", "reportJobFailed"),
    ],
    "sendcloudeventonprovision": [
        Scene(
            input={"orders": ORDERS},
            functions={"provisionOrderFunction": list(PROVISIONED)},
            path=["ProvisionOrdersState"],
            output={"orders": ORDERS, "provisionedOrders": PROVISIONED},
            published=[("provisioningCompleteEvent", PROVISIONED)],  # `data` selects the array, not an object with it
            calls=[("provisionOrderFunction", {"order": each}) for each in ORDERS],
        )
    ],
    "patientVitalsWorkflow": [
        monitored("HighBodyTemperature", "sendTylenolOrder"),
        monitored("HighBloodPressure", "callNurse"),
        monitored("HighRespirationRate", "callPulmonologist"),
    ],
    "finalizeCollegeApplication": [
        Scene(
            events=[
                ("SATScoresReceived", {"sat": 1}, {"applicantId": "s1"}, 0),
                ("ApplicationSubmitted", {"application": 2}, {"applicantId": "s1"}, 1000),
                ("RecommendationLetterReceived", {"letter": 3}, {"applicantId": "s1"}, 2000),
            ],
            functions={"finalizeApplicationFunction": [{"final": True}]},
            path=["FinalizeApplication"],
            output={"sat": 1, "application": 2, "letter": 3, "final": True},
            calls=[("finalizeApplicationFunction", {"student": None})],  # an attribute, as with the patients
            took_s=2,
        )
    ],
    "handleCarAuctionBid": [
        Scene(
            events=[("CarBidEvent", {"bid": [{"carid": "car123", "amount": 3000}]}, {}, 0)],
            functions={"StoreBidFunction": [None]},
            path=["StoreCarAuctionBid"],
            output={"bid": [{"carid": "car123", "amount": 3000}]},
            calls=[("StoreBidFunction", {"bid": [{"carid": "car123", "amount": 3000}]})],
        )
    ],
    "checkInbox": [
        Scene(
            functions={
                "checkInboxFunction": [MESSAGES],
                "sendTextFunction": [None],
            },
            path=["CheckInbox", "SendTextForHighPriority"],
            output=MESSAGES,
            calls=[
                ("checkInboxFunction", {}),
                ("sendTextFunction", {"message": {"title": "a"}}),
                ("sendTextFunction", {"message": {"title": "b"}}),
            ],
        )
    ],
    "VetAppointmentWorkflow": [
        Scene(
            input={"patientInfo": MIA},
            replies={"MakeVetAppointment": {"appointmentInfo": {"appointment": "Monday"}}},
            path=["MakeVetAppointmentState"],
            output={"patientInfo": MIA, "appointment": "Monday"},
            published=[("MakeVetAppointment", MIA)],
        )
    ],
    "paymentconfirmation": [
        funded("true", "SendPaymentSuccess", "sendSuccessEmail"),
        funded("false", "SendInsufficientResults", "sendInsufficientFundsEmail"),
    ],
    "order": [
        Scene(
            events=[
                ORDER,
                ("OrderConfirmedEvent", {"n": 2}, {"orderid": "o1"}, 5 * DAY_MS),
                ("ShipmentSentEvent", {"n": 3}, {"orderid": "o1"}, 9 * DAY_MS),
            ],
            functions=LOGGED,
            path=["StartNewOrder", "WaitForOrderConfirmation", "WaitOrderShipped"],
            output={"n": 3},
            published=[("OrderFinishedEvent", {"n": 3})],
            calls=[("LogNewOrderCreated", {"n": 1}), ("LogOrderConfirmed", {"n": 2}), ("LogOrderShipped", {"n": 3})],
            took_s=9 * 86_400,
        ),
        Scene(
            events=[ORDER],
            functions={"LogNewOrderCreated": [None], "CancelOrder": [None]},
            path=["StartNewOrder", "WaitForOrderConfirmation", "CancelOrder"],
            published=[("OrderCancelledEvent", {"n": 1})],
            calls=[("LogNewOrderCreated", {"n": 1}), ("CancelOrder", {"n": 1})],
            took_s=30 * 86_400,
            status="cancelled",
        ),
    ],
    "roomreadings": [
        Scene(
            events=[
                ("TemperatureEvent", {"t": 1}, {"roomId": "r1"}, 0),
                ("HumidityEvent", {"h": 2}, {"roomId": "r1"}, 60_000),
            ],
            functions={"LogReading": [None], "ProduceReport": [None]},
            path=[*(["ConsumeReading"] * 3), "GenerateReport"],
            calls=[
                ("LogReading", {"readings": {"t": 1}}),
                ("LogReading", {"readings": {"t": 1, "h": 2}}),
                ("ProduceReport", {"data": {"t": 1, "h": 2}}),
            ],
            took_s=3600,
            status="cancelled",
        )
    ],
    "checkcarvitals": [
        # Without an eventTimeout the default of the switch is never taken: it waits for the car to be turned off.
        Scene(
            events=[("CarTurnedOnEvent", {"on": 1}, {}, 0), ("CarTurnedOffEvent", {"off": 2}, {}, 5000)],
            subflows={"vitalscheck": {"fine": True}},
            path=["WhenCarIsOn", "DoCarVitalChecks", "CheckContinueVitalChecks"],
            output={"on": 1, "fine": True, "off": 2},
            took_s=5,
        )
    ],
    "fillglassofwater": [
        Scene(
            input={"counts": {"current": 0, "max": 10}},
            path=["Check if full", *(["Add Water", "Check if full"] * 10)],
            output={"counts": {"current": 10, "max": 10}},
        )
    ],
    "foodorderworkflow": [
        # Its subflows are broken as they are printed (see below): they end with what the page says they do.
        Scene(
            input={"id": "ORDER-12345"},
            events=[
                (
                    "ETA Deadline Event",
                    {"results": {"status": ["Order ETA Received"]}},
                    {"orderid": "ORDER-12345"},
                    60_000,
                )
            ],
            functions={"Charge For Order Function": [{"outcome": {"status": ["Order Charged"]}}]},
            subflows={
                "placeorderworkflow": {"status": ["Order Submitted"]},
                "deliverorderworkflow": {"status": ["Order Picked up", "Order Delievered"]},
            },
            path=["Place Order", "Wait for ETA Deadline", "Deliver Order", "Charge For Order"],
            output={
                "orderid": "ORDER-12345",
                "orderstatus": [
                    "Order Submitted",
                    "Order ETA Received",
                    "Order Picked up",
                    "Order Delievered",
                    "Order Charged",
                    "Order Completed",
                ],
            },
            calls=[("Charge For Order Function", {"order": None})],
            took_s=60,
        )
    ],
}

ENDLESS = {
    "notifycustomerworkflow": "it counts `.count` and looks at `.customerCount`: it takes one event after the other",
}
"""What never ends, and what it does."""

BROKEN = {
    "customercreditcheck": ["SW103"],  # callCreditCheckMicroservice; the function is called creditCheckFunction
    "patientonboarding": ["SW102", "SW103"],  # NewPatientEvent and StorePatient are not defined under these names
    "vitalscheck": ["SW102", "SW103"],  # "Check Tire Pressure" is defined as checkTirePressure; an event is not defined
    "booklending": ["SW104"],  # "Cancel Request" is no state; its functions and events are in files that are not shown
    "placeorderworkflow": ["SW102", "SW103"],  # it does not refer to the files that hold its functions and events
    "deliverorderworkflow": ["SW102", "SW103"],
    "bankingtransactions": ["SW103"],  # it defines neither of its functions; in YAML
    "customerbankingtransactions": ["SW103"],  # the same, in JSON
}
"""What refers to something that is not there, by the codes of the diagnostics."""
