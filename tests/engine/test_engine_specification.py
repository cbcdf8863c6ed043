"""The worked examples of the 0.8 specification, with functions that this version runs in place of REST services."""

from engine_driver import World, make_plan


def test_expression_function_counts() -> None:
    """Functions, "Expression Evaluation": the result of the function is put where the count was."""
    world = World(
        make_plan(
            """
functions: [{name: Increment Count Function, type: expression, operation: '.count += 1 | .count'}]
states:
  - {name: Initialize Count, type: inject, data: {count: 0}, transition: Increment Count}
  - name: Increment Count
    type: operation
    actions: [{functionRef: Increment Count Function, actionDataFilter: {toStateData: '${ .count }'}}]
    end: true
"""
        )
    ).begin()
    assert world.data == {"count": 1}


def test_expression_function_decides() -> None:
    """Functions, "Expression Evaluation": a condition may name a function."""
    plan = make_plan(
        """
functions:
  - {name: isAdult, type: expression, operation: '.applicant | .age >= 18'}
  - {name: isMinor, type: expression, operation: '.applicant | .age < 18'}
states:
  - name: CheckApplicant
    type: switch
    dataConditions:
      - {name: Applicant is adult, condition: '${ fn:isAdult }', transition: ApproveApplication}
      - {name: Applicant is minor, condition: '${ fn:isMinor }', transition: RejectApplication}
    defaultCondition: {transition: RejectApplication}
  - {name: ApproveApplication, type: inject, data: {approved: true}, end: true}
  - {name: RejectApplication, type: inject, data: {approved: false}, end: true}
"""
    )
    assert World(plan).begin({"applicant": {"age": 18}}).data["approved"] is True
    assert World(plan).begin({"applicant": {"age": 17}}).data["approved"] is False


def test_multiple_filters_greet_a_customer() -> None:
    """The "Using multiple data filters" example gives the four steps of the text."""
    world = World(
        make_plan(
            """
functions:
  - {name: greet, type: expression, operation: '{info: {failures: false}, result: (.spanish + " " + .name + "!")}'}
states:
  - name: WaitForCustomerToArrive
    type: event
    onEvents:
      - eventRefs: [asked]
        eventDataFilter: {data: '${ .customer }', toStateData: '${ .customerInfo }'}
        actions:
          - functionRef:
              refName: greet
              arguments: {spanish: '${ .hello.spanish }', name: '${ .customerInfo.name }'}
            actionDataFilter: {results: '${ .result }', toStateData: '${ .finalCustomerGreeting }'}
    stateDataFilter: {input: '${ .greetings }', output: '${ {finalCustomerGreeting} }'}
    end: true
"""
        )
    )
    greetings = {"greetings": {"hello": {"spanish": "Hola", "german": "Hallo"}, "goodbye": {"spanish": "Adiós"}}}
    world.begin(greetings, event=world.event("shop/asked", {"customer": {"name": "John Michaels", "age": 40}}))
    assert world.data == {"finalCustomerGreeting": "Hola John Michaels!"}


def test_foreach_confirms_completed_orders() -> None:
    """Example "ForEach State": two of three orders are completed; each iteration has its order as `completedorder`."""
    world = World(
        make_plan(
            """
functions: [{name: confirm, type: expression, operation: '"sent " + .orderNumber + " to " + .email'}]
states:
  - name: SendConfirmState
    type: foreach
    inputCollection: '${ [.orders[] | select(.completed == true)] }'
    iterationParam: completedorder
    outputCollection: '${ .confirmationresults }'
    actions:
      - functionRef:
          refName: confirm
          arguments: {orderNumber: '${ .completedorder.orderNumber }', email: '${ .completedorder.email }'}
    end: true
"""
        )
    )
    orders = [
        {"orderNumber": "1234", "completed": True, "email": "first@buyer.com"},
        {"orderNumber": "5678", "completed": True, "email": "second@buyer.com"},
        {"orderNumber": "9910", "completed": False, "email": "third@buyer.com"},
    ]
    world.begin({"orders": orders})
    sent = ["sent 1234 to first@buyer.com", "sent 5678 to second@buyer.com"]
    assert world.data == {"orders": orders, "confirmationresults": sent}
