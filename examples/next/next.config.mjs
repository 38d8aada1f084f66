// Node loads the package itself: its pool starts workers from files beside its own.
export default { serverExternalPackages: ['flash-window-attention'] };
