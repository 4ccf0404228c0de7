export { firstOperator, type FirstOperators, issueForSetup } from './first-operator.ts';
export { type Operator, operatorActor, operatorTransaction, SETUP } from './operator.ts';
export { byQuorum, changeQuorum, takeQuorum, viewQuorum, withdrawApproval } from './quorum.ts';
export { createOperator, operatorOf, removeOperator } from './tokens.ts';
