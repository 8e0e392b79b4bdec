export { FaultError } from './fault.ts'
export { Faults, type ActiveFault, type FaultInfo } from './faults.ts'
