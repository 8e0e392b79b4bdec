export function validateConfigMap(): void {}
export function validateConfigMapUpdate(): void {}
export function validateSecret(): void {}
export function validateSecretUpdate(): void {}
export function validateEvent(): void {}
