export function validateDeployment(): void {}
export function validateDeploymentUpdate(): void {}
export function validateReplicaSet(): void {}
export function validateReplicaSetUpdate(): void {}
export function validateDaemonSet(): void {}
export function validateDaemonSetUpdate(): void {}
