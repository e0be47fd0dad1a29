//! Sites of a periodic box: the last direction is the fastest.

/// The number of sites.
pub fn volume(sizes: &[usize]) -> usize {
    sizes.iter().product()
}

/// The site at the given coordinates.
pub fn site(sizes: &[usize], coordinates: &[usize]) -> usize {
    assert_eq!(sizes.len(), coordinates.len());
    sizes.iter().zip(coordinates).fold(0, |site, (size, x)| site * size + x)
}

/// The coordinates of a site.
pub fn coordinates(sizes: &[usize], site: usize) -> Vec<usize> {
    let mut rest = site;
    let mut coordinates = vec![0; sizes.len()];
    for (x, size) in coordinates.iter_mut().zip(sizes).rev() {
        *x = rest % size;
        rest /= size;
    }
    coordinates
}

/// The site at an offset, and for each direction how often the way there leaves the box (negative: at the low end).
/// Open boundaries ask for no wraps; antiperiodic ones take a sign for each odd number.
pub fn neighbour(sizes: &[usize], site: usize, offset: &[i64]) -> (usize, Vec<i64>) {
    assert_eq!(sizes.len(), offset.len());
    let mut wraps = vec![0; sizes.len()];
    let (mut target, mut rest, mut stride) = (0, site, 1);
    for d in (0..sizes.len()).rev() {
        let size = sizes[d] as i64;
        let x = (rest % sizes[d]) as i64 + offset[d];
        target += x.rem_euclid(size) as usize * stride;
        wraps[d] = x.div_euclid(size);
        rest /= sizes[d];
        stride *= sizes[d];
    }
    (target, wraps)
}

/// For every site the one at the offset, periodically.
pub fn shift_table(sizes: &[usize], offset: &[i64]) -> Vec<i64> {
    assert_eq!(sizes.len(), offset.len());
    let mut table = vec![0i64];
    for (&size, &step) in sizes.iter().zip(offset) {
        let shifted = |x: usize| (x as i64 + step).rem_euclid(size as i64);
        table = table.iter().flat_map(|row| (0..size).map(move |x| row * size as i64 + shifted(x))).collect();
    }
    table
}

/// Whether the sum of the coordinates is odd: 0 or 1.
pub fn parity(sizes: &[usize], site: usize) -> usize {
    coordinates(sizes, site).iter().sum::<usize>() % 2
}

/// The even and the odd sites, each in rising order.
pub fn even_odd(sizes: &[usize]) -> (Vec<usize>, Vec<usize>) {
    (0..volume(sizes)).partition(|&site| parity(sizes, site) == 0)
}

/// Whether parity alternates across the boundary too, as an even–odd update needs: all sizes are even (or 1 is fine
/// only where the direction has no neighbours).
pub fn bipartite(sizes: &[usize]) -> bool {
    sizes.iter().all(|size| size % 2 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_and_coordinates_are_inverse() {
        let sizes = [3, 4, 5];
        for s in 0..volume(&sizes) {
            assert_eq!(site(&sizes, &coordinates(&sizes, s)), s);
        }
        assert_eq!(coordinates(&sizes, 1), [0, 0, 1]);
        assert_eq!(coordinates(&[], 0), [0usize; 0]);
    }

    #[test]
    fn neighbours_wrap_and_say_so() {
        assert_eq!(neighbour(&[4, 4], 3, &[0, 1]), (0, vec![0, 1]));
        assert_eq!(neighbour(&[4, 4], 0, &[-1, -1]), (15, vec![-1, -1]));
        assert_eq!(neighbour(&[4, 4], 5, &[9, 0]), (9, vec![2, 0]));
        assert_eq!(neighbour(&[1], 0, &[-3]), (0, vec![-3]));
    }

    #[test]
    fn the_table_agrees_with_neighbours() {
        for (sizes, offset) in [(vec![3, 4, 5], vec![1, -2, 7]), (vec![7], vec![-8]), (vec![], vec![])] {
            let table = shift_table(&sizes, &offset);
            for s in 0..volume(&sizes) {
                assert_eq!(table[s] as usize, neighbour(&sizes, s, &offset).0);
            }
        }
    }

    #[test]
    fn even_and_odd_sites_alternate() {
        assert_eq!(even_odd(&[2, 3]), (vec![0, 2, 4], vec![1, 3, 5]));
        assert_eq!(parity(&[4, 4], 5), 0);
        assert!(bipartite(&[4, 2]) && !bipartite(&[4, 3]));
    }
}
