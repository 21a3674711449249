/* Imported by its neighbour, without the address's time stamp. */
export function answer() {
    return 42;
}
