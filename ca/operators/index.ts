export { firstOperator, type FirstOperators, issueForSetup } from './first-operator.ts';
export { type Operator, operatorActor, operatorTransaction, SETUP } from './operator.ts';
export {
  byQuorum,
  changeQuorum,
  type Loosening,
  takeQuorum,
  viewQuorum,
  type Waiting,
  withdrawApproval,
} from './quorum.ts';
export { createOperator, operatorOf, removeOperator } from './tokens.ts';
