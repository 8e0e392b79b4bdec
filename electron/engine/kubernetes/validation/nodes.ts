export function validateNode(): void {}
export function validateNodeUpdate(): void {}
