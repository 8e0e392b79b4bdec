export function validateEndpoints(): void {}
export function validateEndpointSlice(): void {}
export function validateEndpointSliceUpdate(): void {}
