export { firstOperator, type FirstOperators } from './first-operator.ts';
export { type Operator, operatorActor, operatorTransaction } from './operator.ts';
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
